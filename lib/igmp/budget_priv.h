/* SPDX-License-Identifier: BSD-3-Clause */
/* The budget of all memberships (budget.c).
 * Thread:  control thread, with the engine's mutex locked. */
#ifndef GREMC_IGMP_BUDGET_PRIV_H
#define GREMC_IGMP_BUDGET_PRIV_H

#include "igmp/state_priv.h"

/* Initialize a budget without a limit.
 * Returns: 0; -1 if memory is exhausted. */
__rte_warn_unused_result int gremc_budget_init(struct gremc_igmp *igmp);

/* Free the budget.
 * Input:   no holder is left. */
void gremc_budget_fini(struct gremc_igmp *igmp);

/* Reserve memory for a number of interfaces.
 * Returns: 0; -1 if memory is exhausted. */
__rte_warn_unused_result int gremc_budget_reserve(struct gremc_igmp *igmp, uint32_t interfaces);

/* Add an interface without holders. Memory for it is reserved. */
void gremc_budget_interface_add(struct gremc_igmp *igmp, struct interface *interface);

/* Remove an interface.
 * Input:   it has no holders. */
void gremc_budget_interface_remove(struct gremc_igmp *igmp, struct interface *interface);

/* Set the limit to the cost of `routes` routes with one holder each. Interfaces with the largest cost lose
 * their excess. */
void gremc_budget_set(struct gremc_igmp *igmp, uint32_t routes);

/* Hold a route.
 * Lifetime: may destroy memberships of other interfaces, but none of this interface.
 * Returns:  false if it is refused; the refusal is counted. */
bool gremc_holder_add(struct gremc_igmp *igmp, struct interface *interface, struct holder *holder,
		      rte_be32_t source, rte_be32_t group, bool is_pinned);

/* Release a hold. */
void gremc_holder_remove(struct gremc_igmp *igmp, struct holder *holder);

/* Pin or unpin a hold; no-op if it is in this state. */
void gremc_holder_pin(struct gremc_igmp *igmp, struct holder *holder, bool is_pinned);

#endif

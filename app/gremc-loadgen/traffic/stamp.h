/* SPDX-License-Identifier: BSD-3-Clause */
/* The stamp at the start of each test packet's UDP payload, and the pattern that follows it.
 *
 *   byte  0  trial_id  32 bits  the trial; identifies replicas that arrive in a later trial
 *         4  flow      32 bits  index of the flow
 *         8  sequence  40 bits  sequence number of the packet in its flow and trial, from 0
 *        13  lag       24 bits  cycles between the packet's due time and `time` (see below)
 *        16  time      64 bits  TSC when the transmitter began the packet's burst
 *        24  check     32 bits  CRC-32C of the previous 24 bytes
 *        28  pattern            byte n of the payload is byte n of gremc_pattern in every packet
 *
 * A lag has 19 bits of mantissa and, above them, 5 bits of exponent: mantissa << exponent cycles, rounded
 * down.
 *
 * All fields are little-endian. The pattern is the same in all packets, so it is written to a transmit buffer
 * once, when the pool is created, and the receiver compares it by one memcmp(). */
#ifndef GREMC_LOADGEN_TRAFFIC_STAMP_H
#define GREMC_LOADGEN_TRAFFIC_STAMP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_hash_crc.h>

#define GREMC_STAMP_LENGTH 28u
#define GREMC_PATTERN_SIZE 9728u /* the largest payload of a jumbo frame */
/* The smallest inner packet: IPv4 header, UDP header and stamp. */
#define GREMC_INNER_MIN (20u + 8u + GREMC_STAMP_LENGTH)

#define GREMC_STAMP_SEQUENCE_BITS 40u
#define GREMC_STAMP_LAG_BITS      19u /* of the mantissa */

static_assert(GREMC_STAMP_SEQUENCE_BITS + 24 == 64, "sequence and lag share one 64-bit word");
static_assert(GREMC_STAMP_LENGTH == 3 * sizeof(uint64_t) + sizeof(uint32_t),
	      "three words and the check value");

struct gremc_stamp {
	uint32_t trial_id, flow;
	uint64_t sequence, time;
	uint64_t lag; /* cycles; the packet was due at time - lag */
};

/* Constant after gremc_pattern_init(). */
extern uint8_t gremc_pattern[GREMC_PATTERN_SIZE];
/* By payload length: one's complement sum of the pattern's bytes from 28 on, in memory order. */
extern uint16_t gremc_pattern_sum[GREMC_PATTERN_SIZE + 1];

/* Fill gremc_pattern and gremc_pattern_sum.
 * Thread:  control thread, once, before the first packet. */
void gremc_pattern_init(void);

/* Returns: CRC-32C of the three words of a stamp. */
static inline uint32_t gremc_stamp_crc(uint64_t a, uint64_t b, uint64_t c)
{
	return rte_hash_crc_8byte(c, rte_hash_crc_8byte(b, rte_hash_crc_8byte(a, UINT32_MAX)));
}

/* Returns: the one's complement sum of the stamp's words in memory order, not folded. */
static inline uint64_t gremc_stamp_sum(const uint8_t *at)
{
	uint32_t word[GREMC_STAMP_LENGTH / 4];

	memcpy(word, at, sizeof(word));
	return (uint64_t)word[0] + word[1] + word[2] + word[3] + word[4] + word[5] + word[6];
}

/* Returns: the sum folded to 16 bits (RFC 1071). */
static inline uint16_t gremc_sum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Units:   cycles. Exact below 2^19; above it at most 2^-18 of the value too small; at most 2^50 (days). */
static inline uint32_t gremc_stamp_lag_pack(uint64_t cycles)
{
	unsigned bits = 64u - (unsigned)__builtin_clzll(cycles | 1), exponent;

	if (likely(bits <= GREMC_STAMP_LAG_BITS))
		return (uint32_t)cycles;
	exponent = bits - GREMC_STAMP_LAG_BITS;
	if (exponent > 31)
		return (1u << 24) - 1;
	return exponent << GREMC_STAMP_LAG_BITS | (uint32_t)(cycles >> exponent);
}

/* Units:   cycles. */
static inline uint64_t gremc_stamp_lag_unpack(uint32_t lag)
{
	return (uint64_t)(lag & ((1u << GREMC_STAMP_LAG_BITS) - 1)) << (lag >> GREMC_STAMP_LAG_BITS);
}

/* Write a stamp with a packed lag, which the packets of a burst share.
 * Input:   stamp->lag is not used. */
static inline void gremc_stamp_write_packed(uint8_t *at, const struct gremc_stamp *stamp, uint64_t lag)
{
	uint64_t word[3] = {rte_cpu_to_le_64((uint64_t)stamp->flow << 32 | stamp->trial_id),
			    rte_cpu_to_le_64(lag << GREMC_STAMP_SEQUENCE_BITS | stamp->sequence),
			    rte_cpu_to_le_64(stamp->time)};
	uint32_t check = rte_cpu_to_le_32(gremc_stamp_crc(word[0], word[1], word[2]));

	memcpy(at, word, sizeof(word));
	memcpy(at + sizeof(word), &check, sizeof(check));
}

/* Write a stamp of GREMC_STAMP_LENGTH bytes. */
static inline void gremc_stamp_write(uint8_t *at, const struct gremc_stamp *stamp)
{
	gremc_stamp_write_packed(at, stamp, gremc_stamp_lag_pack(stamp->lag));
}

/* Read a stamp.
 * Returns: false if the check value is wrong; *stamp is then meaningless. */
static inline bool gremc_stamp_read(const uint8_t *at, struct gremc_stamp *stamp)
{
	uint64_t word[3];
	uint32_t check;

	memcpy(word, at, sizeof(word));
	memcpy(&check, at + sizeof(word), sizeof(check));
	stamp->trial_id = (uint32_t)rte_le_to_cpu_64(word[0]);
	stamp->flow = (uint32_t)(rte_le_to_cpu_64(word[0]) >> 32);
	stamp->sequence = rte_le_to_cpu_64(word[1]) & ((UINT64_C(1) << GREMC_STAMP_SEQUENCE_BITS) - 1);
	stamp->lag =
		gremc_stamp_lag_unpack((uint32_t)(rte_le_to_cpu_64(word[1]) >> GREMC_STAMP_SEQUENCE_BITS));
	stamp->time = rte_le_to_cpu_64(word[2]);
	return rte_le_to_cpu_32(check) == gremc_stamp_crc(word[0], word[1], word[2]);
}

#endif

// The path for aarch64, where every processor has NEON: 16 lanes per vector.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "walk.hpp"

namespace linkage {
namespace {

struct Neon {
    using Vector = uint8x16_t;
    static constexpr int kLanes = 16;
    static constexpr int kMost = 4;  // vectors per panel

    static Vector zero() { return vdupq_n_u8(0); }
    static Vector all(uint8_t byte) { return vdupq_n_u8(byte); }
    static Vector load(const uint8_t *at) { return vld1q_u8(at); }
    static Vector table(const uint8_t *at) { return vld1q_u8(at); }
    static Vector look_up(Vector table, Vector nibbles) { return vqtbl1q_u8(table, nibbles); }
    static Vector add(Vector a, Vector b) { return vaddq_u8(a, b); }
    static Vector subtract(Vector a, Vector b) { return vsubq_u8(a, b); }
    static Vector add_full(Vector a, Vector b) { return vqaddq_u8(a, b); }
    static Vector take_off(Vector a, Vector b) { return vqsubq_u8(a, b); }
    static Vector smaller(Vector a, Vector b) { return vminq_u8(a, b); }
    static Vector larger(Vector a, Vector b) { return vmaxq_u8(a, b); }
    static Vector shift_right_4(Vector a) { return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(a), 4)); }
    static Vector times_16(Vector a) { return vshlq_n_u8(a, 4); }
    static Vector upper_byte_times_16(Vector a) {
        return vandq_u8(shift_right_4(a), vreinterpretq_u8_u16(vdupq_n_u16(0x00F0)));
    }
    static uint64_t full_lanes(Vector a) {
        // Make one bit per lane: keep in each byte the bit of its position, then add up eight bytes.
        static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        Vector full = vandq_u8(vceqq_u8(a, all(255)), vld1q_u8(places));
        return vaddv_u8(vget_low_u8(full)) | uint64_t{vaddv_u8(vget_high_u8(full))} << 8;
    }
};

}  // namespace

const Path kNeonPath = {count_bits, next_pairs_of_any_size<Neon>};

}  // namespace linkage
#endif

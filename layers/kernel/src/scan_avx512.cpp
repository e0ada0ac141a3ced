// The path for x86-64 with AVX-512BW: 64 lanes per vector.
#if defined(__x86_64__)
#include <immintrin.h>

#include "walk.hpp"

namespace linkage {
namespace {

struct Avx512 {
    using Vector = __m512i;
    static constexpr int kLanes = 64;
    static constexpr int kMost = 2;  // vectors per panel: a larger panel would not stay in the first-level cache

    static Vector zero() { return _mm512_setzero_si512(); }
    static Vector all(uint8_t byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
    static Vector load(const uint8_t *at) { return _mm512_load_si512(at); }
    static Vector table(const uint8_t *at) {
        return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i *>(at)));
    }
    static Vector look_up(Vector table, Vector nibbles) { return _mm512_shuffle_epi8(table, nibbles); }
    static Vector add(Vector a, Vector b) { return _mm512_add_epi8(a, b); }
    static Vector subtract(Vector a, Vector b) { return _mm512_sub_epi8(a, b); }
    static Vector add_full(Vector a, Vector b) { return _mm512_adds_epu8(a, b); }
    static Vector take_off(Vector a, Vector b) { return _mm512_subs_epu8(a, b); }
    static Vector smaller(Vector a, Vector b) { return _mm512_min_epu8(a, b); }
    static Vector larger(Vector a, Vector b) { return _mm512_max_epu8(a, b); }
    static Vector shift_right_4(Vector a) { return _mm512_srli_epi16(a, 4); }
    static Vector times_16(Vector a) { return _mm512_and_si512(_mm512_slli_epi16(a, 4), all(0xF0)); }
    static Vector upper_byte_times_16(Vector a) {
        return _mm512_and_si512(_mm512_srli_epi16(a, 4), _mm512_set1_epi16(0x00F0));
    }
    static uint64_t full_lanes(Vector a) { return _mm512_cmpeq_epi8_mask(a, all(255)); }
};

}  // namespace

const Path kAvx512Path = {count_bits, next_pairs_of_any_size<Avx512>};

}  // namespace linkage
#endif

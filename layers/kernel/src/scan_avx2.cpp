// The path for x86-64 with AVX2: 32 lanes per vector.
#if defined(__x86_64__)
#include <immintrin.h>

#include "walk.hpp"

namespace linkage {
namespace {

struct Avx2 {
    using Vector = __m256i;
    static constexpr int kLanes = 32;
    static constexpr int kMost = 4;  // vectors per panel: their sums and tables fill the 16 registers

    static Vector zero() { return _mm256_setzero_si256(); }
    static Vector all(uint8_t byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }
    static Vector load(const uint8_t *at) { return _mm256_load_si256(reinterpret_cast<const Vector *>(at)); }
    static Vector table(const uint8_t *at) {
        return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i *>(at)));
    }
    static Vector look_up(Vector table, Vector nibbles) { return _mm256_shuffle_epi8(table, nibbles); }
    static Vector add(Vector a, Vector b) { return _mm256_add_epi8(a, b); }
    static Vector subtract(Vector a, Vector b) { return _mm256_sub_epi8(a, b); }
    static Vector add_full(Vector a, Vector b) { return _mm256_adds_epu8(a, b); }
    static Vector take_off(Vector a, Vector b) { return _mm256_subs_epu8(a, b); }
    static Vector smaller(Vector a, Vector b) { return _mm256_min_epu8(a, b); }
    static Vector larger(Vector a, Vector b) { return _mm256_max_epu8(a, b); }
    static Vector shift_right_4(Vector a) { return _mm256_srli_epi16(a, 4); }
    static Vector times_16(Vector a) { return _mm256_and_si256(_mm256_slli_epi16(a, 4), all(0xF0)); }
    static Vector upper_byte_times_16(Vector a) {
        return _mm256_and_si256(_mm256_srli_epi16(a, 4), _mm256_set1_epi16(0x00F0));
    }
    static uint64_t full_lanes(Vector a) {
        return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, all(255))));
    }
};

}  // namespace

const Path kAvx2Path = {count_bits, next_pairs_of_any_size<Avx2>};

}  // namespace linkage
#endif

// The processor's features are detected at run time: one library serves every machine of its architecture.
#include "paths.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace linkage {
namespace {

#if defined(__x86_64__)

// Ask the processor itself: the compiler's builtin needs a symbol that cannot be linked into a shared library. The
// operating system must save the vector registers too; XCR0 says whether it does.
bool registers_are_saved(unsigned wanted) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & wanted) == wanted;
}

bool has(int path) {
    unsigned a, b, c, d, features;
    if (!__get_cpuid_count(7, 0, &a, &features, &c, &d) || !__get_cpuid(1, &a, &b, &c, &d)) return false;
    bool avx2 = features & bit_AVX2 && c & bit_POPCNT && registers_are_saved(0x06);
    bool avx512 = avx2 && features & bit_AVX512F && features & bit_AVX512BW && registers_are_saved(0xE6);
    return path == LINKAGE_AVX2 ? avx2 : path == LINKAGE_AVX512 && avx512;
}

constexpr int kFastestFirst[] = {LINKAGE_AVX512, LINKAGE_AVX2, LINKAGE_PORTABLE};

#elif defined(__aarch64__)

bool has(int path) { return path == LINKAGE_NEON; }  // every aarch64 processor has NEON

constexpr int kFastestFirst[] = {LINKAGE_NEON, LINKAGE_PORTABLE};

#else

bool has(int) { return false; }

constexpr int kFastestFirst[] = {LINKAGE_PORTABLE};

#endif

}  // namespace

const Path *path_functions(int path) {
    switch (path) {
#if defined(__x86_64__)
        case LINKAGE_AVX2: return &kAvx2Path;
        case LINKAGE_AVX512: return &kAvx512Path;
#elif defined(__aarch64__)
        case LINKAGE_NEON: return &kNeonPath;
#endif
        default: return &kPortablePath;
    }
}

}  // namespace linkage

int linkage_path(int path) {
    for (int possible : linkage::kFastestFirst)
        if ((path == possible || path == LINKAGE_BEST) && (possible == LINKAGE_PORTABLE || linkage::has(possible)))
            return possible;
    return LINKAGE_INVALID;
}

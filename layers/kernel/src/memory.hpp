// Memory without the C++ library, so that the kernel depends on the C library alone. Failure is a return value, not an
// exception.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <new>

namespace linkage {

// An array that frees itself. `resize` does not keep its contents.
template <class T>
class Buffer {
  public:
    Buffer() = default;
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() { free(data_); }

    [[nodiscard]] bool resize(size_t count) {
        free(data_);
        data_ = nullptr;
        if (count > (SIZE_MAX - 63) / sizeof(T)) return false;
        // A whole number of cache lines, as aligned_alloc requires; at least one, so that NULL means failure.
        size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
        data_ = static_cast<T *>(aligned_alloc(64, bytes ? bytes : 64));
        return data_ != nullptr;
    }
    // Like resize, filled with zeros. Parts of a large array that are never touched cost no memory.
    [[nodiscard]] bool resize_zeroed(size_t count) {
        free(data_);
        data_ = static_cast<T *>(calloc(count ? count : 1, sizeof(T)));
        return data_ != nullptr;
    }
    // Grow to `count` elements and keep the contents.
    [[nodiscard]] bool grow(size_t count) {
        if (count > SIZE_MAX / sizeof(T)) return false;
        T *grown = static_cast<T *>(realloc(data_, count * sizeof(T)));
        if (grown) data_ = grown;
        return grown != nullptr;
    }
    T *data() { return data_; }
    const T *data() const { return data_; }
    T &operator[](size_t index) { return data_[index]; }
    const T &operator[](size_t index) const { return data_[index]; }

  private:
    T *data_ = nullptr;
};

// Make an object on the heap; NULL if memory ran out.
template <class T>
T *create() {
    void *memory = aligned_alloc(64, (sizeof(T) + 63) / 64 * 64);
    return memory ? new (memory) T() : nullptr;
}

template <class T>
void destroy(T *object) {
    if (!object) return;
    object->~T();
    free(object);
}

}  // namespace linkage

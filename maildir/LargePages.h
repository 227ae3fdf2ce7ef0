// Large memory that is about to be filled, in pages of 2 MiB where the system has them: a page fault for each 4 KiB is
// a quarter of the time of a first look at a large mailbox, and more on virtual machines.
#pragma once

#include <malloc.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace maildir {

// For a vector or string after reserve(). Nothing happens where it is small.
template <class Container>
void preferLargePages(const Container& container) {
    constexpr std::uintptr_t page = std::uintptr_t{2} << 20;
    const auto begin = reinterpret_cast<std::uintptr_t>(container.data());
    const std::uintptr_t end = begin + container.capacity() * sizeof(typename Container::value_type);
    const std::uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (first < last) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

// Gives the kernel back what a look at a mailbox of this size used for a while. What lives on lies behind it, so that
// free() alone would keep it: half of the memory of a process with one large mailbox.
inline void returnFreedPages(std::size_t messages) {
    constexpr std::size_t many = 20'000;  // for fewer it is not worth the time
    if (messages >= many) (void)::malloc_trim(0);
}

}  // namespace maildir

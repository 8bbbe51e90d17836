#include "core/base/guarded_mapping.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

namespace rheo {

namespace {

/// What the signal handler reads: no lock, and no memory that moves.
struct Slot {
    std::atomic<std::uintptr_t> first{0}, end{0};  ///< free where end is 0
    std::atomic<bool> lost{false};
};
std::array<Slot, 4096> slots;
std::mutex slotsMutex;  ///< of those that take and free slots, not of the handler
struct sigaction before {};
std::uintptr_t pageBytes = 4096;

void onBusError(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (Slot& slot : slots) {
        if (address < slot.first.load() || address >= slot.end.load()) continue;
        void* page = reinterpret_cast<void*>(address / pageBytes * pageBytes);
        if (::mmap(page, pageBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            break;
        slot.lost.store(true);
        return;
    }
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(signal);
    } else {
        ::signal(SIGBUS, SIG_DFL);  // raised again on return
    }
}

void installHandler() {
    pageBytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &before);
}

}  // namespace

GuardedMapping::GuardedMapping(const void* data, std::size_t bytes) {
    if (bytes == 0) return;
    const std::lock_guard lock(slotsMutex);
    static const bool installed = (installHandler(), true);
    (void)installed;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].end.load() != 0) continue;
        slots[i].lost.store(false);
        slots[i].first.store(reinterpret_cast<std::uintptr_t>(data));
        slots[i].end.store(reinterpret_cast<std::uintptr_t>(data) + bytes);
        m_slot = static_cast<int>(i);
        return;
    }
}

GuardedMapping::~GuardedMapping() {
    if (m_slot < 0) return;
    const std::lock_guard lock(slotsMutex);
    slots[static_cast<std::size_t>(m_slot)].end.store(0);
    slots[static_cast<std::size_t>(m_slot)].first.store(0);
}

GuardedMapping::GuardedMapping(GuardedMapping&& other) noexcept : m_slot(std::exchange(other.m_slot, -1)) {}

GuardedMapping& GuardedMapping::operator=(GuardedMapping&& other) noexcept {
    std::swap(m_slot, other.m_slot);
    return *this;
}

bool GuardedMapping::lost() const {
    return m_slot >= 0 && slots[static_cast<std::size_t>(m_slot)].lost.load();
}

void forgetPages(std::span<const std::byte> bytes) {
    // Whole pages only: the bytes beside may be anybody's.
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto first = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
    if (end > first) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace rheo

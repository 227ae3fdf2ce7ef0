// Memory that all who take from it share; who gets none does without. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace imapd {

class OctetBudget : public std::enable_shared_from_this<OctetBudget> {
public:
    explicit OctetBudget(std::uint64_t octets) : _left(octets) {}

    // Octets that were taken; its end gives them back.
    class Share {
    public:
        Share(Share&& other) noexcept : _budget(std::move(other._budget)), _octets(other._octets) {}
        Share& operator=(Share&& other) noexcept {
            std::swap(_budget, other._budget);
            std::swap(_octets, other._octets);
            return *this;
        }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() {
            if (_budget) _budget->_left += _octets;
        }

    private:
        friend class OctetBudget;
        Share(std::shared_ptr<OctetBudget> budget, std::uint64_t octets)
            : _budget(std::move(budget)), _octets(octets) {}
        std::shared_ptr<OctetBudget> _budget;
        std::uint64_t _octets;
    };

    // Nothing: so many are not left.
    [[nodiscard]] std::optional<Share> take(std::uint64_t octets) {
        std::uint64_t left = _left;
        do {
            if (left < octets) return std::nullopt;
        } while (!_left.compare_exchange_weak(left, left - octets));
        return Share(shared_from_this(), octets);
    }

private:
    std::atomic<std::uint64_t> _left;
};

}  // namespace imapd

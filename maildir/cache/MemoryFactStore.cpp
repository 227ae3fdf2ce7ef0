#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "maildir/cache/FactStore.h"

namespace maildir {

namespace {

struct KeyHash {
    std::size_t operator()(const MessageKey& key) const noexcept {
        return static_cast<std::size_t>((key.mailbox ^ key.uid.value) * 0x9E3779B97F4A7C15ull);
    }
};

struct Facts : MessageFacts {
    [[nodiscard]] bool areOf(std::uint64_t opening) const { return file && file->opening == opening; }
    [[nodiscard]] std::shared_ptr<const std::string> derivedOf(const std::string& name) const {
        for (const auto& [each, value] : derived) {
            if (each == name) return value;
        }
        return nullptr;
    }

    std::size_t largeOctets = 0;            // of structure and derived
    std::list<MessageKey>::iterator place;  // in the order of use; valid while largeOctets > 0
};

constexpr std::size_t overhead = 96;  // of a string in memory besides its octets

// One of several shards, so that threads seldom meet.
class Shard {
public:
    explicit Shard(std::uint64_t budget) : _budget(budget) {}

    bool hasRoom() {
        const std::lock_guard lock(_mutex);
        return _held < _budget / 4 * 3;
    }

    template <class Function>
    auto read(MessageKey key, Function&& function) {
        const std::lock_guard lock(_mutex);
        const auto found = _facts.find(key);
        if (found == _facts.end()) return decltype(function(std::declval<Facts&>())){};
        if (found->second.largeOctets > 0) _order.splice(_order.begin(), _order, found->second.place);
        return function(found->second);
    }

    // function returns by how many octets the large facts grew.
    template <class Function>
    void change(MessageKey key, Function&& function) {
        const std::lock_guard lock(_mutex);
        // Small facts cost little each, but not nothing: beyond the bound all of them start anew.
        if (_facts.size() >= maxMessages) {
            _facts.clear();
            _order.clear();
            _held = 0;
        }
        Facts& facts = _facts[key];
        const std::ptrdiff_t growth = function(facts);
        if (growth == 0) return;
        if (facts.largeOctets == 0) {
            _order.push_front(key);
            facts.place = _order.begin();
        }
        facts.largeOctets = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(facts.largeOctets) + growth);
        _held = static_cast<std::uint64_t>(static_cast<std::int64_t>(_held) + growth);
        while (_held > _budget && !_order.empty()) dropOldest();
    }

    void forget(MessageKey key) {
        const std::lock_guard lock(_mutex);
        const auto found = _facts.find(key);
        if (found == _facts.end()) return;
        if (found->second.largeOctets > 0) {
            _held -= found->second.largeOctets;
            _order.erase(found->second.place);
        }
        _facts.erase(found);
    }

private:
    static constexpr std::size_t maxMessages = 250000;  // a shard

    void dropOldest() {
        Facts& oldest = _facts[_order.back()];
        _held -= oldest.largeOctets;
        oldest.largeOctets = 0;
        oldest.structure.reset();
        oldest.derived.clear();
        _order.pop_back();
    }

    std::mutex _mutex;
    const std::uint64_t _budget;
    std::uint64_t _held = 0;
    std::unordered_map<MessageKey, Facts, KeyHash> _facts;
    std::list<MessageKey> _order;  // of use, newest first; those with large facts
};

class MemoryFactStore : public FactStore {
public:
    explicit MemoryFactStore(std::uint64_t budget) {
        for (auto& shard : _shards) shard = std::make_unique<Shard>(budget / shardCount);
    }

    MessageFacts all(MessageKey key) override {
        return of(key).read(key, [](Facts& facts) -> MessageFacts { return facts; });
    }
    std::optional<FileFacts> file(MessageKey key) override {
        return of(key).read(key, [](Facts& facts) { return facts.file; });
    }
    void putFile(MessageKey key, const FileFacts& value) override {
        of(key).change(key, [&](Facts& facts) {
            facts.file = value;
            return std::ptrdiff_t{0};
        });
    }
    std::optional<std::uint64_t> exactOctets(MessageKey key) override {
        return of(key).read(key, [](Facts& facts) { return facts.exactOctets; });
    }
    void putExactOctets(MessageKey key, std::uint64_t octets) override {
        of(key).change(key, [&](Facts& facts) {
            facts.exactOctets = octets;
            return std::ptrdiff_t{0};
        });
    }
    std::shared_ptr<const std::string> structure(MessageKey key) override {
        return of(key).read(key, [](Facts& facts) { return facts.structure; });
    }
    void putStructure(MessageKey key, std::shared_ptr<const std::string> value) override {
        of(key).change(key, [&](Facts& facts) {
            if (facts.structure) return std::ptrdiff_t{0};
            facts.structure = std::move(value);
            return static_cast<std::ptrdiff_t>(facts.structure->size() + overhead);
        });
    }
    std::shared_ptr<const std::string> derived(MessageKey key, const std::string& name) override {
        return of(key).read(key, [&](Facts& facts) { return facts.derivedOf(name); });
    }
    std::optional<std::uint64_t> exactOctetsIn(std::uint64_t opening, MessageKey key) override {
        return of(key).read(key, [&](Facts& facts) { return facts.areOf(opening) ? facts.exactOctets : std::nullopt; });
    }
    std::shared_ptr<const std::string> derivedIn(std::uint64_t opening, MessageKey key,
                                                 const std::string& name) override {
        return of(key).read(key, [&](Facts& facts) { return facts.areOf(opening) ? facts.derivedOf(name) : nullptr; });
    }
    void putDerived(MessageKey key, const std::string& name, std::string bytes) override {
        of(key).change(key, [&](Facts& facts) {
            if (facts.derivedOf(name)) return std::ptrdiff_t{0};
            const auto growth = static_cast<std::ptrdiff_t>(name.size() + bytes.size() + overhead);
            facts.derived.emplace_back(name, std::make_shared<const std::string>(std::move(bytes)));
            return growth;
        });
    }
    void forget(MessageKey key) override { of(key).forget(key); }
    bool hasRoom() override {
        return std::all_of(_shards.begin(), _shards.end(), [](const auto& shard) { return shard->hasRoom(); });
    }

private:
    static constexpr std::size_t shardCount = 16;
    Shard& of(MessageKey key) { return *_shards[KeyHash()(key) >> 60]; }
    std::array<std::unique_ptr<Shard>, shardCount> _shards;
};

}  // namespace

std::shared_ptr<FactStore> makeMemoryFactStore(std::uint64_t budgetOctets) {
    return std::make_shared<MemoryFactStore>(budgetOctets);
}

}  // namespace maildir

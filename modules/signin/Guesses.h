// How often sign-in failed, by address and by user, over all connections: what makes guessing slow.
//
// Each has a score: a failure adds one, and one is forgiven every so often (auth.limit.forgive). At the limit no more
// passwords are looked at until something is forgiven. An attempt at work counts as a failure until it is settled, so
// that opening many connections at once gains nothing. Counted is:
//  - by address: IPv6 by its /64, since whoever has one address of it has all. Exempt networks are not counted.
//  - by user: whoever asks, so that guesses from many addresses count too. From an address at which the user has signed
//    in before the limit does not bind, so that nobody is locked out of his own desk by a stranger.
// The same wrong password again counts once: a telephone with last year's password is no guesser.
// Any thread. Bounded: past so many addresses or users the one whose last failure is longest ago is forgotten.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace maildock::signin {

// A score a name, decaying. Not locked.
class Scores {
public:
    using Clock = std::chrono::steady_clock;
    Scores(std::chrono::seconds forgiveness, std::size_t capacity) : _forgiveness(forgiveness), _capacity(capacity) {}

    [[nodiscard]] double of(const std::string& name, Clock::time_point now) const;
    // `what`: a digest of what was tried; 0 if that is not known.
    void add(const std::string& name, std::uint64_t what, Clock::time_point now);
    void clear(const std::string& name);
    [[nodiscard]] std::size_t size() const { return _entries.size(); }

private:
    struct Entry {
        std::string name;
        double score = 0;
        Clock::time_point at;
        std::array<std::uint64_t, 4> tried{};
        std::size_t next = 0;
    };
    [[nodiscard]] double scoreOf(const Entry& entry, Clock::time_point now) const;

    const std::chrono::seconds _forgiveness;
    const std::size_t _capacity;
    std::list<Entry> _entries;  // the one whose last failure is longest ago first
    std::unordered_map<std::string, std::list<Entry>::iterator> _byName;
};

class Guesses {
public:
    using Clock = Scores::Clock;
    struct Limits {
        std::size_t perAddress = 0, perUser = 0;  // 0: no limit, nothing is counted
        std::chrono::seconds forgiveness{60};
        std::size_t capacity = 50000;
    };
    enum class Refusal { None, Address, User };

    explicit Guesses(const Limits& limits);

    // An attempt at work; counts until it is settled or gone.
    class Hold {
    public:
        Hold() = default;
        // `address` and `user` as they are counted, empty if not; `where` the address in any case.
        Hold(Guesses& guesses, std::string address, std::string user, std::string where);
        ~Hold() { release(); }
        Hold(Hold&& other) noexcept;
        Hold& operator=(Hold&& other) noexcept;
        // `tried`: what was tried, for telling whether it is tried again; empty: not known.
        void failed(const std::string& tried, Clock::time_point now = Clock::now());
        void succeeded(Clock::time_point now = Clock::now());

    private:
        void release();
        Guesses* _guesses = nullptr;
        std::string _address, _user, _where;
    };

    // Names are taken as they are; an empty address or user is not counted. None: `hold` is set.
    [[nodiscard]] Refusal begin(const std::string& address, const std::string& user, Hold& hold,
                                Clock::time_point now = Clock::now());
    // How near an address is to its limit: 0 far, 1 there or past it.
    [[nodiscard]] double nearness(const std::string& address, Clock::time_point now = Clock::now());

private:
    friend class Hold;
    [[nodiscard]] static std::string pair(const std::string& address, const std::string& user) {
        return user + "\n" + address;
    }

    const Limits _limits;
    const std::string _key;
    std::mutex _mutex;  // guards what follows
    Scores _addresses, _users;
    Scores _known;  // user and address that belong together; a score of any size
    std::unordered_map<std::string, std::size_t> _working;  // attempts at work, by "a" address and "u" user
};

}  // namespace maildock::signin

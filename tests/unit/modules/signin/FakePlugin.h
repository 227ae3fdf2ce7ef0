// A plugin of the tests, and settings without a file.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "modules/api/Module.h"

// Knows the users that a test gives it, and counts what it is asked.
class FakePlugin : public maildock::Authenticator {
public:
    struct User {
        std::string password;
        maildock::Account account;
        maildock::Outcome otherwise = maildock::Outcome::Success;  // what it says instead of Success
    };
    std::map<std::string, User> users;
    bool isDown = false, throws = false, wantsKnown = false;
    std::optional<std::string> currentStamp;
    std::map<std::string, maildock::ScramKeys> keysOfUsers;
    std::string admin;
    int verifications = 0, lookups = 0;

    [[nodiscard]] std::vector<maildock::KeySpec> keys() const override { return {}; }
    void configure(const maildock::Settings&) override {}
    [[nodiscard]] std::vector<maildock::Finding> check(const maildock::Settings&) const override { return {}; }

    [[nodiscard]] maildock::Verdict verify(const std::string& user, const std::string& password) override {
        ++verifications;
        maildock::Verdict verdict = told(user);
        if (verdict.outcome == maildock::Outcome::Success && users[user].password != password)
            return {maildock::Outcome::WrongPassword, {}, "wrong password"};
        return verdict;
    }
    std::string clientAddress;  // of the last verifyFrom()
    [[nodiscard]] maildock::Verdict verifyFrom(const std::string& user, const std::string& password,
                                               const std::string& from) override {
        clientAddress = from;
        return verify(user, password);
    }
    [[nodiscard]] maildock::Verdict lookup(const std::string& user) override {
        ++lookups;
        return told(user);
    }
    [[nodiscard]] std::optional<maildock::ScramKeys> scramKeys(const std::string& user, const std::string&) override {
        const auto found = keysOfUsers.find(user);
        return found == keysOfUsers.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::optional<std::string> plainPassword(const std::string& user) override {
        const auto found = users.find(user);
        return found == users.end() ? std::nullopt : std::optional(found->second.password);
    }
    [[nodiscard]] std::optional<std::string> stamp() override { return currentStamp; }
    [[nodiscard]] bool mayActFor(const std::string& user, const std::string&) override {
        return !admin.empty() && user == admin;
    }

    [[nodiscard]] bool wantsKnownUsers() const override { return wantsKnown; }

    // A mechanism of its own: each step as the test has it.
    std::vector<maildock::ExchangeStep> steps;
    std::vector<std::string> heard;
    [[nodiscard]] std::vector<maildock::Mechanism> mechanisms() const override {
        return {{"X-FAKE", false, true}, {"PLAIN", false, false}};
    }
    [[nodiscard]] std::unique_ptr<maildock::Exchange> begin(const std::string&,
                                                            const maildock::ExchangeFacts&) override {
        return std::make_unique<Played>(*this);
    }

private:
    class Played : public maildock::Exchange {
    public:
        explicit Played(FakePlugin& plugin) : _plugin(plugin) {}
        [[nodiscard]] maildock::ExchangeStep step(const std::string& octets) override {
            _plugin.heard.push_back(octets);
            return _plugin.steps.at(_plugin.heard.size() - 1);
        }

    private:
        FakePlugin& _plugin;
    };

    maildock::Verdict told(const std::string& user) {
        if (throws) throw std::runtime_error("it broke");
        if (isDown) return {maildock::Outcome::TemporaryFailure, {}, "down"};
        const auto found = users.find(user);
        if (found == users.end()) return {maildock::Outcome::UnknownUser, {}, {}};
        return {found->second.otherwise, found->second.account, {}};
    }
};

class FakeSettings : public maildock::Settings {
public:
    std::map<std::string, std::string> values{{"auth.chain", "first-known"},
                                              {"auth.merge", "where-missing"},
                                              {"auth.cache", "60"},
                                              {"auth.limit.perAddress", "5"},
                                              {"auth.limit.perUser", "5"},
                                              {"auth.limit.forgive", "60"},
                                              {"auth.scram.iterations", "4096"},
                                              {"state.path", ""}};

    [[nodiscard]] std::string text(const std::string& key) const override { return values.at(key); }
    [[nodiscard]] bool boolean(const std::string& key) const override { return values.at(key) == "true"; }
    [[nodiscard]] std::int64_t number(const std::string& key) const override { return std::stoll(values.at(key)); }
    [[nodiscard]] std::int64_t seconds(const std::string& key) const override { return std::stoll(values.at(key)); }
    [[nodiscard]] std::vector<std::string> list(const std::string&) const override { return {}; }
    [[nodiscard]] std::string path(const std::string& key) const override { return values.at(key); }
    [[nodiscard]] bool isSet(const std::string& key) const override { return values.count(key) != 0; }
    [[nodiscard]] std::vector<std::string> keysBelow(const std::string&) const override { return {}; }
};

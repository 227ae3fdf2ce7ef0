// The plugin auth-checkpassword: a program of the admin's decides, by the interface of checkpassword programs
// (https://cr.yp.to/checkpwd/interface.html) with Dovecot's additions. One process for each question, for a bounded
// time and a bounded number at once.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/Secret.h"
#include "modules/api/Authenticator.h"
#include "plugins/common/Slots.h"

namespace maildock::checkpassword {

class CheckpasswordAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& /*hash*/) override {
        return ScramKeyHolders::Nobody;
    }

private:
    enum class Question { Password, User };
    struct Ended;
    [[nodiscard]] Verdict ask(Question question, const std::string& user, const std::string& password);
    // Runs the program. Throws std::exception if it can't be run or does not end in time.
    [[nodiscard]] Ended run(Question question, Secret input, std::chrono::steady_clock::time_point deadline) const;
    [[nodiscard]] static Verdict verdictOf(Question question, const std::string& user, const Ended& ended);

    // Set by configure() and constant from then on.
    std::string _program, _reply;
    std::chrono::seconds _timeout{30};
    std::unique_ptr<common::Slots> _slots;
};

}  // namespace maildock::checkpassword

// The plugin auth-pam: passwords by PAM, as the system's other services check them. A helper process answers, one
// process for each question, so that no module can wait in, change or crash the server, and that PAM has root's rights
// where the server has given them up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "modules/api/Authenticator.h"
#include "plugins/auth-pam/HelperProcess.h"
#include "plugins/auth-pam/Protocol.h"
#include "plugins/common/Slots.h"

namespace maildock::pam {

class PamAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict verifyFrom(const std::string& user, const std::string& password,
                                     const std::string& clientAddress) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& /*hash*/) override {
        return ScramKeyHolders::Nobody;
    }

private:
    [[nodiscard]] Verdict ask(const Request& request);
    // What the helper answers to a request. Throws std::exception with the reason if it does not.
    [[nodiscard]] std::vector<std::string> answerTo(const std::string& request,
                                                    std::chrono::steady_clock::time_point deadline) const;

    // Set by configure() and constant from then on.
    std::shared_ptr<HelperProcess> _helper;
    std::chrono::seconds _timeout{30};
    std::unique_ptr<common::Slots> _slots;
};

}  // namespace maildock::pam

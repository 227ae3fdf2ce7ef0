// The plugin auth-passwdfile: users and passwords of a passwd-file, read again when it changes.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <string>

#include "modules/api/Authenticator.h"
#include "plugins/auth-passwdfile/PasswdFile.h"

namespace maildock::passwdfile {

class PasswdFileAuthenticator : public Authenticator {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override;
    void configure(const Settings& settings) override;
    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override;

    [[nodiscard]] bool listUsers(const Settings& settings,
                                 const std::function<bool(const Account&)>& take) const override;
    [[nodiscard]] Verdict verify(const std::string& user, const std::string& password) override;
    [[nodiscard]] Verdict lookup(const std::string& user) override;
    [[nodiscard]] std::optional<ScramKeys> scramKeys(const std::string& user, const std::string& hash) override;
    [[nodiscard]] ScramKeyHolders scramKeyHolders(const std::string& hash) override;
    [[nodiscard]] std::optional<std::string> plainPassword(const std::string& user) override;
    // The stamp of the file as it is now; nothing while it may be changing.
    [[nodiscard]] std::optional<std::string> stamp() override;

private:
    [[nodiscard]] std::string saltOf(const std::string& user) const;
    // The users as the file has them now; null if it can't be read, with the reason in `fault`.
    [[nodiscard]] std::shared_ptr<const PasswdFile> current(std::string& fault);
    [[nodiscard]] bool isUnchanged(const struct stat& now) const;  // with _mutex held
    void logReading(const PasswdFile& file, bool withFaults) const;

    std::string _path;
    ParseOptions _options;
    std::string _saltSecret;  // of this object: salts for passwords whose keys are made here
    std::uint32_t _iterations = 4096;

    std::mutex _mutex;
    std::shared_ptr<const PasswdFile> _file;  // guarded by _mutex
    struct stat _read {};                     // guarded by _mutex: of the file when _file was read
    bool _isSettled = false;                  // guarded by _mutex: it was not being changed at that time
};

}  // namespace maildock::passwdfile

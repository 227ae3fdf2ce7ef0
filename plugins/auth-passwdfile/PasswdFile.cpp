#include "plugins/auth-passwdfile/PasswdFile.h"

#include <Poco/String.h>

#include <algorithm>

#include "plugins/common/AccountFields.h"

namespace maildock::passwdfile {

using common::IdKind;
using common::isUsableName;
using common::split;
using common::toId;

namespace {

// No password has this hash; it compares as slowly as those that `mkpasswd` and `doveadm pw` make.
constexpr char emptyFilePassword[] =
    "$6$maildock$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

}  // namespace

std::shared_ptr<const PasswdFile> PasswdFile::parse(std::string_view text, const ParseOptions& options) {
    auto file = std::make_shared<PasswdFile>();
    file->_options = options;
    unsigned number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty() || line.front() == '#' || line.front() == ':') continue;
        if (line.size() > maxLineOctets) {
            file->addFault(number, "the line is too long");
        } else if (line.find('\0') != std::string_view::npos) {
            file->addFault(number, "the line holds a NUL");
        } else {
            file->addLine(line, number);
        }
    }
    file->choosePrevailing();
    file->_sha1Holders = file->countHolders("SHA-1");
    file->_sha256Holders = file->countHolders("SHA-256");
    return file;
}

void PasswdFile::addFault(unsigned line, const std::string& text) {
    ++_faultCount;
    if (_faults.size() < maxFaults) _faults.push_back({line, text});
}

void PasswdFile::addLine(std::string_view line, unsigned number) {
    std::vector<std::string> fields = split(line, ':', 8);
    fields.resize(8);
    User user;
    user.account.user = _options.isLowerCased ? Poco::toLower(fields[0]) : fields[0];
    if (!isUsableName(user.account.user)) return addFault(number, "the user name can't be used");
    if (_users.count(user.account.user) != 0) {
        return addFault(number, "the user " + user.account.user + " is there more than once; the first line counts");
    }
    if (!fields[2].empty() && !(user.account.uid = toId(fields[2], IdKind::User))) {
        return addFault(number, "the uid is neither a number nor a user of this machine");
    }
    if (!fields[3].empty() && !(user.account.gid = toId(fields[3], IdKind::Group))) {
        return addFault(number, "the gid is neither a number nor a group of this machine");
    }
    user.account.home = fields[5];
    readExtra(fields[7], user, number);
    if (fields[1].empty()) {
        user.reason = "no password is set";
    } else {
        try {
            user.password = PasswordHash::parse(fields[1], _options.defaultScheme);
        } catch (const HashError& e) {
            // The user is kept: other plugins may prove the password, and mail is still delivered.
            addFault(number, "the user " + user.account.user + " can't sign in by password: " + e.what());
            user.reason = e.what();
        }
    }
    _users.emplace(user.account.user, std::move(user));
}

void PasswdFile::readExtra(const std::string& extra, User& user, unsigned number) {
    common::AccountFields fields;
    fields.account = std::move(user.account);
    for (const std::string& item : split(extra, ' ', 1000)) {
        if (item.empty()) continue;
        const std::size_t equals = item.find('=');
        const std::string key = item.substr(0, equals);
        if (key == "nopassword") {
            addFault(number, "nopassword is not supported: the user " + fields.account.user + " can't sign in without");
        } else {
            fields.set(key, equals == std::string::npos ? "" : item.substr(equals + 1));
        }
    }
    if (const std::string fault = fields.finish(); !fault.empty()) addFault(number, fault);
    user.account = std::move(fields.account);
    user.isDisabled = fields.isDisabled;
}

void PasswdFile::choosePrevailing() {
    std::map<std::string, std::size_t> counts;
    std::size_t most = 0;
    for (const auto& [name, user] : _users) {
        if (!user.password) continue;
        const std::size_t count = ++counts[user.password->cost()];
        if (count <= most) continue;
        most = count;
        _prevailing = user.password;
    }
    if (!_prevailing) _prevailing = PasswordHash::parse(emptyFilePassword, "CRYPT");
}

ScramKeyHolders PasswdFile::countHolders(const std::string& hash) const {
    std::size_t able = 0, holders = 0;
    for (const auto& [name, user] : _users) {
        if (user.isDisabled || !user.password) continue;
        ++able;
        if (user.password->hasScramKeys(hash)) ++holders;
    }
    if (holders == 0) return ScramKeyHolders::Nobody;
    return holders == able ? ScramKeyHolders::Everybody : ScramKeyHolders::Some;
}

ScramKeyHolders PasswdFile::scramKeyHolders(const std::string& hash) const {
    return hash == "SHA-1" ? _sha1Holders : _sha256Holders;
}

void PasswdFile::forEach(const std::function<bool(const Account&)>& take) const {
    for (const auto& [name, user] : _users) {
        if (!take(user.account)) return;
    }
}

const User* PasswdFile::find(const std::string& name) const {
    const auto user = _users.find(_options.isLowerCased ? Poco::toLower(name) : name);
    return user == _users.end() ? nullptr : &user->second;
}

}  // namespace maildock::passwdfile

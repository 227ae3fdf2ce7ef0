#include "plugins/auth-gssapi/NtlmUsers.h"

#include <Poco/String.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "plugins/common/AccountFields.h"

namespace maildock::gssapi {

namespace {

constexpr std::size_t maxFileOctets = 16u << 20;
constexpr std::size_t hashDigits = 32;

// Names are ASCII, as they are in the messages.
bool isTakenName(std::string_view name) {
    const bool isAscii =
        std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
    return isAscii && common::isUsableName(std::string(name));
}

bool isHash(std::string_view text) {
    return text.size() == hashDigits &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// The parts between the first colons; the last one has the rest.
std::vector<std::string_view> parts(std::string_view line, std::size_t most) {
    std::vector<std::string_view> found;
    for (std::size_t colon = 0; found.size() + 1 < most && (colon = line.find(':')) != std::string_view::npos;) {
        found.push_back(line.substr(0, colon));
        line.remove_prefix(colon + 1);
    }
    found.push_back(line);
    return found;
}

// Whom a line names; nothing if nobody whom we take.
std::optional<NtlmUser> userIn(std::string_view line) {
    const std::vector<std::string_view> fields = parts(line, 5);
    NtlmUser user;
    std::string_view name, domain;
    if (fields.size() == 3 && !fields[2].empty()) {
        domain = fields[0];
        name = fields[1];
        user.password = fields[2];
    } else if (fields.size() == 5 && isHash(fields[3])) {
        name = fields[0];
        if (const std::size_t separator = name.find('\\'); separator != std::string_view::npos) {
            domain = name.substr(0, separator);
            name.remove_prefix(separator + 1);
        }
        user.hash = fields[3];
        const std::string_view flags = fields[4].substr(0, fields[4].find(':'));
        user.isDisabled = flags.starts_with('[') && flags.find('D') != std::string_view::npos;
    } else {
        return std::nullopt;
    }
    if (!isTakenName(name) || (!domain.empty() && !isTakenName(domain))) return std::nullopt;
    user.name = name;
    user.domain = domain;
    return user;
}

}  // namespace

NtlmUsers::NtlmUsers(std::string text, bool isOpenToAll) : _text(std::move(text)), _isOpenToAll(isOpenToAll) {
    std::string_view rest = _text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line[0] == '#') continue;
        if (std::optional<NtlmUser> user = userIn(line))
            _users.push_back(std::move(*user));
        else
            _uselessLines.push_back(number);
    }
}

NtlmUsers::~NtlmUsers() {
    OPENSSL_cleanse(_text.data(), _text.size());
}

NtlmUsers NtlmUsers::read(const std::string& path) {
    const auto fail = [&path](const std::string& why) -> void { throw std::runtime_error(path + ": " + why); };
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("can't be read: " + std::generic_category().message(errno));
    struct stat status {};
    std::string text;
    bool isRead = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                  static_cast<std::size_t>(status.st_size) <= maxFileOctets;
    if (isRead) {
        text.resize(static_cast<std::size_t>(status.st_size));
        std::size_t had = 0;
        while (had < text.size()) {
            const ssize_t count = ::read(file, text.data() + had, text.size() - had);
            if (count <= 0) break;
            had += static_cast<std::size_t>(count);
        }
        isRead = had == text.size();
    }
    ::close(file);
    if (!isRead) {
        OPENSSL_cleanse(text.data(), text.size());
        fail("can't be read, or is no file of up to 16 MiB");
    }
    return NtlmUsers(std::move(text), (status.st_mode & (S_IROTH | S_IWOTH)) != 0);
}

std::vector<const NtlmUser*> NtlmUsers::find(const std::string& name) const {
    std::vector<const NtlmUser*> found;
    for (const NtlmUser& user : _users) {
        if (Poco::icompare(user.name, name) == 0) found.push_back(&user);
    }
    return found;
}

std::vector<std::string> NtlmUsers::twins() const {
    std::vector<std::string> sorted;
    for (const NtlmUser& user : _users) sorted.push_back(Poco::toLower(user.name));
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::string> twins;
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        if (sorted[i] == sorted[i - 1] && (twins.empty() || twins.back() != sorted[i])) twins.push_back(sorted[i]);
    }
    return twins;
}

}  // namespace maildock::gssapi

#include "plugins/common/AccountFields.h"

#include <Poco/String.h>
#include <Poco/UTF8Encoding.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace maildock::common {

namespace {

// "maildir:~/Maildir:LAYOUT=fs" -> the folder; the options go elsewhere.
std::string maildirOf(const std::string& location, const std::string& home, std::string& options) {
    std::string path = location;
    if (path.rfind("maildir:", 0) == 0) path.erase(0, 8);
    if (const std::size_t colon = path.find(':'); colon != std::string::npos) {
        options = path.substr(colon + 1);
        path.erase(colon);
    }
    if (path == "~" || path.rfind("~/", 0) == 0) path.replace(0, 1, home);
    return path;
}

bool isUtf8(const std::string& text) {
    const Poco::UTF8Encoding encoding;
    for (std::size_t at = 0; at < text.size();) {
        const auto* octets = reinterpret_cast<const unsigned char*>(text.data() + at);
        const int left = static_cast<int>(std::min<std::size_t>(text.size() - at, 4));
        // A negative answer -n asks for n octets.
        int length = encoding.sequenceLength(octets, 1);
        if (length < 0) length = -length;
        if (length < 1 || length > left || !Poco::UTF8Encoding::isLegal(octets, length)) return false;
        at += static_cast<std::size_t>(length);
    }
    return true;
}

}  // namespace

bool isUsableName(const std::string& name) {
    if (name.size() > 255 || name.empty() || name == "." || name == "..") return false;
    return std::none_of(name.begin(), name.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/'; });
}

bool isUsableUtf8Name(const std::string& name) {
    return isUsableName(name) && isUtf8(name);
}

std::optional<std::uint32_t> toId(const std::string& text, IdKind kind) {
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && stop == text.data() + text.size()) return number;
    std::array<char, 16384> buffer{};
    if (kind == IdKind::User) {
        passwd entry{};
        passwd* found = nullptr;
        if (::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
            return found->pw_uid;
        }
    } else {
        group entry{};
        group* found = nullptr;
        if (::getgrnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
            return found->gr_gid;
        }
    }
    return std::nullopt;
}

std::vector<std::string> split(std::string_view text, char separator, std::size_t most) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t end = parts.size() + 1 == most ? std::string_view::npos : text.find(separator, begin);
        parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
        if (end == std::string_view::npos) return parts;
        begin = end + 1;
    }
}

bool meansYes(const std::string& value) {
    const std::string lower = Poco::toLower(value);
    return !(lower.empty() || lower == "0" || lower == "n" || lower == "no" || lower == "f" || lower == "false");
}

void AccountFields::set(const std::string& key, const std::string& value) {
    if (key == "nologin") {
        isDisabled = true;
    } else if (key == "allow_nets") {
        account.allowedNetworks = split(value, ',', 1000);
    } else {
        account.extra[key.rfind("userdb_", 0) == 0 ? key.substr(7) : key] = value;
    }
}

std::string AccountFields::finish() {
    std::string fault;
    std::map<std::string, std::string>& extra = account.extra;
    if (const auto home = extra.find("home"); home != extra.end()) account.home = home->second;
    if (const auto uid = extra.find("uid"); uid != extra.end()) {
        account.uid = toId(uid->second, IdKind::User);
        if (!account.uid) fault = "the uid is neither a number nor a user of this machine";
    }
    if (const auto gid = extra.find("gid"); gid != extra.end()) {
        account.gid = toId(gid->second, IdKind::Group);
        if (!account.gid) fault = "the gid is neither a number nor a group of this machine";
    }
    if (const auto mail = extra.find("mail"); mail != extra.end()) {
        std::string options;
        account.mailLocation = maildirOf(mail->second, account.home, options);
        if (!options.empty()) extra["mail_options"] = options;
    }
    return fault;
}

}  // namespace maildock::common

#include "plugins/auth-passwdfile/PasswdFileAuthenticator.h"

#include <Poco/Logger.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <system_error>

namespace maildock::passwdfile {

namespace {

constexpr char pathKey[] = "auth.passwdfile.path";
constexpr char schemeKey[] = "auth.passwdfile.defaultScheme";
constexpr std::size_t saltOctets = 16;
constexpr char lowerCaseKey[] = "auth.passwdfile.lowercase";

struct Descriptor {
    explicit Descriptor(int opened) : number(opened) {}
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    const int number;
};

// Throws std::runtime_error with the reason. `status` is that of the file that was read.
std::string readFile(const std::string& path, struct stat& status) {
    const auto fail = [&path](const std::string& why) { throw std::runtime_error(path + " " + why); };
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.number < 0 || ::fstat(file.number, &status) != 0) {
        fail("can't be read: " + std::generic_category().message(errno));
    }
    if (!S_ISREG(status.st_mode)) fail("is not a regular file");
    if (static_cast<std::size_t>(status.st_size) > PasswdFile::maxFileOctets) fail("is larger than 64 MB");
    std::string text(static_cast<std::size_t>(status.st_size) + 1, '\0');
    std::size_t filled = 0;
    for (;;) {
        const ssize_t got = ::read(file.number, text.data() + filled, text.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("can't be read: " + std::generic_category().message(errno));
        filled += static_cast<std::size_t>(got);
        if (got == 0) break;
        if (filled == text.size()) {
            if (filled > PasswdFile::maxFileOctets) fail("is larger than 64 MB");
            text.resize(text.size() * 2);
        }
    }
    text.resize(filled);
    return text;
}

// Whether a write after this reading would show in the file's times, which go by ticks of the kernel (10 ms at most),
// on some file systems by seconds.
bool isSettledAt(const timespec& changed) {
    constexpr std::int64_t second = 1'000'000'000, fine = 100'000'000, coarse = 2 * second;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t age = (now.tv_sec - changed.tv_sec) * second + now.tv_nsec - changed.tv_nsec;
    return age < -second || age > (changed.tv_nsec != 0 ? fine : coarse);
}

ParseOptions optionsOf(const Settings& settings) {
    return {settings.text(schemeKey), settings.boolean(lowerCaseKey)};
}

}  // namespace

std::vector<KeySpec> PasswdFileAuthenticator::keys() const {
    return {
        {pathKey,
         KeyKind::Path,
         "",
         "The file of users, lines user:{SCHEME}hash:uid:gid:gecos:home:shell:extra.",
         {},
         {},
         {}},
        {schemeKey, KeyKind::Text, "CRYPT", "The scheme of passwords without {SCHEME}.", {}, {}, {}},
        {lowerCaseKey, KeyKind::Boolean, "true", "Whether the case of user names makes no difference.", {}, {}, {}},
    };
}

void PasswdFileAuthenticator::configure(const Settings& settings) {
    _path = settings.path(pathKey);
    _options = optionsOf(settings);
    _iterations = static_cast<std::uint32_t>(std::max<std::int64_t>(settings.number("auth.scram.iterations"), 4096));
    _saltSecret.assign(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(_saltSecret.data()), 32) != 1)
        throw std::runtime_error("OpenSSL has no random octets");
    if (_path.empty()) throw std::runtime_error(std::string(pathKey) + " is not set");
    std::string fault;
    if (!current(fault)) throw std::runtime_error(fault);
}

std::vector<Finding> PasswdFileAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings;
    const ParseOptions options = optionsOf(settings);
    const std::string path = settings.path(pathKey);
    if (!PasswordHash::isScheme(options.defaultScheme)) {
        findings.push_back({Finding::Error, schemeKey, "there is no password scheme " + options.defaultScheme});
    }
    if (path.empty()) {
        findings.push_back({Finding::Error, pathKey, "is not set, and the plugin auth-passwdfile needs it"});
        return findings;
    }
    try {
        struct stat status {};
        const auto file = PasswdFile::parse(readFile(path, status), options);
        for (const LineFault& fault : file->faults()) {
            findings.push_back(
                {Finding::Warning, pathKey, path + ":" + std::to_string(fault.line) + ": " + fault.text});
        }
        if (file->faultCount() > file->faults().size()) {
            findings.push_back(
                {Finding::Warning, pathKey, std::to_string(file->faultCount()) + " lines are wrong in all"});
        }
        if (file->userCount() == 0) findings.push_back({Finding::Warning, pathKey, path + " holds no user"});
        if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
            findings.push_back({Finding::Warning, pathKey, "every user of this machine can read " + path});
        }
    } catch (const std::runtime_error& e) {
        findings.push_back({Finding::Error, pathKey, e.what()});
    }
    return findings;
}

bool PasswdFileAuthenticator::listUsers(const Settings& settings,
                                        const std::function<bool(const Account&)>& take) const {
    const std::string path = settings.path(pathKey);
    if (path.empty()) return true;
    struct stat status {};
    PasswdFile::parse(readFile(path, status), optionsOf(settings))->forEach(take);
    return true;
}

bool PasswdFileAuthenticator::isUnchanged(const struct stat& now) const {
    return _file && _isSettled && now.st_dev == _read.st_dev && now.st_ino == _read.st_ino &&
           now.st_size == _read.st_size && now.st_mtim.tv_sec == _read.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == _read.st_mtim.tv_nsec && now.st_ctim.tv_sec == _read.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == _read.st_ctim.tv_nsec;
}

std::shared_ptr<const PasswdFile> PasswdFileAuthenticator::current(std::string& fault) {
    const std::lock_guard lock(_mutex);
    struct stat now {};
    if (::stat(_path.c_str(), &now) == 0 && isUnchanged(now)) return _file;
    try {
        const std::string text = readFile(_path, now);
        const auto file = PasswdFile::parse(text, _options);
        // What was written just now is read once more the next time.
        const bool wasSame = _file && now.st_ino == _read.st_ino && now.st_size == _read.st_size &&
                             now.st_ctim.tv_sec == _read.st_ctim.tv_sec && now.st_ctim.tv_nsec == _read.st_ctim.tv_nsec;
        // check() has told those of the first reading.
        const bool isToldAlready = !_file;
        _isSettled = isSettledAt(now.st_ctim);
        _read = now;
        _file = file;
        if (!wasSame) logReading(*file, !isToldAlready);
        return _file;
    } catch (const std::runtime_error& e) {
        fault = e.what();
        return nullptr;
    }
}

void PasswdFileAuthenticator::logReading(const PasswdFile& file, bool withFaults) const {
    Poco::Logger& logger = Poco::Logger::get("auth-passwdfile");
    for (const LineFault& fault : withFaults ? file.faults() : std::vector<LineFault>()) {
        logger.warning(_path + ":" + std::to_string(fault.line) + ": " + fault.text);
    }
    if (withFaults && file.faultCount() > file.faults().size()) {
        logger.warning(_path + ": " + std::to_string(file.faultCount()) + " lines are wrong in all");
    }
    logger.information(_path + ": read, " + std::to_string(file.userCount()) + " users");
}

Verdict PasswdFileAuthenticator::verify(const std::string& user, const std::string& password) {
    std::string fault;
    const auto file = current(fault);
    if (!file) return {Outcome::TemporaryFailure, {}, fault};
    const User* found = file->find(user);
    const bool isKnown = found != nullptr && found->password != nullptr;
    const PasswordHash& hash = isKnown ? *found->password : file->prevailingPassword();
    const bool isPossible = !password.empty() && password.size() <= PasswordHash::maxPasswordOctets;
    const bool isRight = hash.matches(isPossible ? password : "x") && isPossible;
    if (found == nullptr) return {Outcome::UnknownUser, {}, "no such user in " + _path};
    if (!isKnown) return {Outcome::Disabled, {}, found->reason};
    if (!isRight) return {Outcome::WrongPassword, {}, "wrong password"};
    if (found->isDisabled) return {Outcome::Disabled, {}, "nologin is set"};
    return {Outcome::Success, found->account, {}};
}

Verdict PasswdFileAuthenticator::lookup(const std::string& user) {
    std::string fault;
    const auto file = current(fault);
    if (!file) return {Outcome::TemporaryFailure, {}, fault};
    const User* found = file->find(user);
    if (found == nullptr) return {Outcome::UnknownUser, {}, "no such user in " + _path};
    if (found->isDisabled) return {Outcome::Disabled, {}, "nologin is set"};
    return {Outcome::Success, found->account, {}};
}

std::string PasswdFileAuthenticator::saltOf(const std::string& user) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned length = 0;
    HMAC(EVP_sha256(), _saltSecret.data(), static_cast<int>(_saltSecret.size()),
         reinterpret_cast<const unsigned char*>(user.data()), user.size(), out.data(), &length);
    return {reinterpret_cast<const char*>(out.data()), saltOctets};
}

std::optional<ScramKeys> PasswdFileAuthenticator::scramKeys(const std::string& user, const std::string& hash) {
    std::string fault;
    const auto file = current(fault);
    if (!file) throw std::runtime_error(fault);
    const User* found = file->find(user);
    if (found == nullptr || found->isDisabled || !found->password) {
        // Takes as long as for most who are here.
        static_cast<void>(file->prevailingPassword().scramKeysWith(hash, saltOf(user), _iterations));
        return std::nullopt;
    }
    return found->password->scramKeysWith(hash, saltOf(found->account.user), _iterations);
}

ScramKeyHolders PasswdFileAuthenticator::scramKeyHolders(const std::string& hash) {
    std::string fault;
    const auto file = current(fault);
    return file ? file->scramKeyHolders(hash) : ScramKeyHolders::Nobody;
}

std::optional<std::string> PasswdFileAuthenticator::plainPassword(const std::string& user) {
    std::string fault;
    const auto file = current(fault);
    if (!file) throw std::runtime_error(fault);
    const User* found = file->find(user);
    if (found == nullptr || found->isDisabled || !found->password) return std::nullopt;
    return found->password->plain();
}

std::optional<std::string> PasswdFileAuthenticator::stamp() {
    std::string fault;
    if (!current(fault)) return std::nullopt;
    const std::lock_guard lock(_mutex);
    if (!_isSettled) return std::nullopt;
    std::string text = _path;
    for (const auto number :
         {static_cast<long long>(_read.st_dev), static_cast<long long>(_read.st_ino),
          static_cast<long long>(_read.st_size), static_cast<long long>(_read.st_mtim.tv_sec),
          static_cast<long long>(_read.st_mtim.tv_nsec), static_cast<long long>(_read.st_ctim.tv_sec),
          static_cast<long long>(_read.st_ctim.tv_nsec)}) {
        text += " " + std::to_string(number);
    }
    return text;
}

}  // namespace maildock::passwdfile

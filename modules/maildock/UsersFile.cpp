#include "modules/maildock/UsersFile.h"

#include <Poco/String.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace maildock {

namespace {

constexpr std::size_t maxOctets = std::size_t{64} << 20;

[[noreturn]] void fail(const std::string& what, int number = errno) {
    throw std::runtime_error(what + ": " + std::generic_category().message(number));
}

class Descriptor {
public:
    explicit Descriptor(int number) : _number(number) {}
    ~Descriptor() {
        if (_number >= 0) ::close(_number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return _number; }

private:
    const int _number;
};

// A file that is there under its name only until this ends, unless it was renamed.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& beside)
        : _path(beside + ".XXXXXX"), _file(::mkostemp(_path.data(), O_CLOEXEC)) {
        if (_file.get() < 0) fail("cannot make a file beside " + beside);
    }
    ~TemporaryFile() {
        if (!_isRenamed) ::unlink(_path.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    void write(const std::string& content, const struct stat& like) {
        for (std::size_t done = 0; done < content.size();) {
            const ssize_t written = ::write(_file.get(), content.data() + done, content.size() - done);
            if (written < 0 && errno != EINTR) fail("cannot write " + _path);
            if (written > 0) done += static_cast<std::size_t>(written);
        }
        struct stat own {};
        if (::fstat(_file.get(), &own) != 0) fail("cannot look at " + _path);
        const bool hasOwner = own.st_uid == like.st_uid && own.st_gid == like.st_gid;
        if (!hasOwner && ::fchown(_file.get(), like.st_uid, like.st_gid) != 0)
            fail("cannot keep the owner of the file");
        if (::fchmod(_file.get(), like.st_mode & 07777) != 0) fail("cannot keep the mode of the file");
        if (::fsync(_file.get()) != 0) fail("cannot sync " + _path);
    }

    void renameTo(const std::string& path) {
        if (::rename(_path.c_str(), path.c_str()) != 0) fail("cannot replace " + path);
        _isRenamed = true;
    }

private:
    std::string _path;
    const Descriptor _file;
    bool _isRenamed = false;
};

std::string contentOf(int descriptor, const std::string& path) {
    std::string content;
    std::array<char, 65536> block{};
    for (;;) {
        const ssize_t got = ::read(descriptor, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("cannot read " + path);
        if (got == 0) return content;
        content.append(block.data(), static_cast<std::size_t>(got));
        if (content.size() > maxOctets) throw std::runtime_error(path + " is too large");
    }
}

// Opens and locks the file that has the name once the lock is held: another call may have replaced it meanwhile.
std::unique_ptr<Descriptor> locked(const std::string& path, struct stat& status) {
    constexpr int maxTries = 100;
    for (int attempt = 0; attempt < maxTries; ++attempt) {
        auto file = std::make_unique<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (file->get() < 0 && errno == ENOENT)
            throw std::runtime_error("there is no file " + path + "; for a new one: install -m 600 /dev/null " + path);
        if (file->get() < 0) fail("cannot open " + path);
        if (::fstat(file->get(), &status) != 0) fail("cannot look at " + path);
        if (!S_ISREG(status.st_mode)) throw std::runtime_error(path + " is not a file");
        if (::flock(file->get(), LOCK_EX) != 0) fail("cannot lock " + path);
        struct stat now {};
        const bool isThere = ::stat(path.c_str(), &now) == 0;
        if (isThere && now.st_ino == status.st_ino && now.st_dev == status.st_dev) return file;
    }
    throw std::runtime_error(path + " is being replaced all the time by another program");
}

// Where the password of the user's first line begins and ends in the text; npos: there is no such line.
std::pair<std::size_t, std::size_t> passwordOf(const std::string& text, const std::string& user) {
    for (std::size_t line = 0; line < text.size();) {
        const std::size_t newline = std::min(text.find('\n', line), text.size());
        std::size_t end = newline;
        if (end > line && text[end - 1] == '\r') --end;
        const std::size_t colon = std::min(text.find(':', line), end);
        if (text[line] != '#' && colon > line && Poco::icompare(text.substr(line, colon - line), user) == 0) {
            const std::size_t begin = std::min(colon + 1, end);
            return {begin, std::min(text.find(':', begin), end)};
        }
        line = newline + 1;
    }
    return {std::string::npos, std::string::npos};
}

}  // namespace

bool setPassword(const std::string& path, const std::string& user, const std::string& field) {
    std::error_code error;
    const std::filesystem::path resolved = std::filesystem::canonical(path, error);
    const std::string target = error ? path : resolved.string();
    struct stat status {};
    const auto file = locked(target, status);
    std::string text = contentOf(file->get(), target);
    const auto [begin, end] = passwordOf(text, user);
    const bool isKnown = begin != std::string::npos;
    if (!isKnown) {
        if (!text.empty() && text.back() != '\n') text += '\n';
        text += user + ":" + field + "::::::\n";
    } else {
        // A line that is a name alone has no colon yet.
        text.replace(begin, end - begin, (text[begin - 1] == ':' ? "" : ":") + field);
    }
    TemporaryFile made(target);
    made.write(text, status);
    made.renameTo(target);
    const std::string folder = std::filesystem::path(target).parent_path().string();
    const Descriptor directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0 || ::fsync(directory.get()) != 0) fail("cannot sync the folder of " + target);
    return isKnown;
}

}  // namespace maildock

// A mailbox in a temporary directory, and the vocabulary of what programs do to one: deliver, flag by renaming, remove,
// open it as another process would.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "maildir/FileOps.h"
#include "maildir/cache/CacheFolder.h"
#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailStore.h"
#include "maildir/mailbox/Mailbox.h"
#include "maildir/watch/Watcher.h"

namespace maildir::test {

// What the log was told, by any thread.
class LogLines {
public:
    void add(const std::string& line) {
        const std::lock_guard lock(_mutex);
        _lines.push_back(line);
    }
    // Lines that have this in them.
    [[nodiscard]] std::size_t count(const std::string& words) const {
        const std::lock_guard lock(_mutex);
        return static_cast<std::size_t>(std::count_if(_lines.begin(), _lines.end(), [&](const std::string& line) {
            return line.find(words) != std::string::npos;
        }));
    }
    [[nodiscard]] std::string all() const {
        const std::lock_guard lock(_mutex);
        std::string text;
        for (const std::string& line : _lines) text += line + "\n";
        return text;
    }

private:
    mutable std::mutex _mutex;
    std::vector<std::string> _lines;
};

// One process's view: a watcher and fact store of its own, made when they are first needed. All fixtures of a program
// exist at once, and the kernel gives a user only so many inotify instances (128): a fixture that has a Process as a
// member ends it in tearDown().
class Process {
public:
    // cache: the folder of its cache files; empty: it has none.
    explicit Process(bool useInotify = true, std::string cache = {})
        : _useInotify(useInotify), _cache(std::move(cache)) {}
    const Mailbox::Options& options() const {
        if (!_options.watcher) {
            Watcher::Options watching;
            watching.mode = _useInotify ? Watcher::Mode::Auto : Watcher::Mode::Off;
            watching.pollIntervalMs = pollIntervalMs;
            watching.fileSystemOf = fileSystemOf;
            watching.warn = [](const std::string& text) { std::cerr << text << std::endl; };
            _options.watcher = std::make_shared<Watcher>(watching);
            _options.facts = makeMemoryFactStore(1 << 20);
            _options.log = [lines = _told](const std::string& line) { lines->add(line); };
            if (!_cache.empty()) {
                const auto log = [lines = _complaints](const std::string& line) { lines->push_back(line); };
                _options.cache = std::make_shared<CacheFolder>(_cache, maxCacheOctets, log);
            }
        }
        return _options;
    }
    std::shared_ptr<Mailbox> open(const std::string& directory) const {
        return std::make_shared<Mailbox>(directory, options());
    }
    void end() { _options = {}; }

    std::uint64_t maxCacheOctets = 1 << 30;
    // To be set before the process has opened anything.
    int pollIntervalMs = 30000;
    std::function<FileSystem(const std::string&)> fileSystemOf = maildir::fileSystemOf;
    [[nodiscard]] std::vector<std::string>& complaints() const { return *_complaints; }  // of the cache
    [[nodiscard]] LogLines& told() const { return *_told; }                              // of the mailboxes

private:
    // Shared with the mailboxes, which may outlive this.
    std::shared_ptr<std::vector<std::string>> _complaints = std::make_shared<std::vector<std::string>>();
    std::shared_ptr<LogLines> _told = std::make_shared<LogLines>();
    bool _useInotify;
    std::string _cache;
    mutable Mailbox::Options _options;
};

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = std::filesystem::temp_directory_path().string() + "/maildirXXXXXX";
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string path;
};

inline std::string contentOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// A Maildir that is acted upon from outside.
class Maildir {
public:
    explicit Maildir(std::string where) : path(std::move(where)) {
        for (const char* part : {"", "/new", "/cur", "/tmp"}) mkdir((path + part).c_str(), 0700);
    }
    // As a delivery agent does it. Returns the base name.
    std::string deliver(const std::string& content = "Subject: x\n\nbody\n", const std::string& base = {}) {
        const std::string name = base.empty() ? std::to_string(1600000000 + ++_count) + ".M1P1.host" : base;
        write(path + "/tmp/" + name, content);
        std::filesystem::rename(path + "/tmp/" + name, path + "/new/" + name);
        return name;
    }
    // As a client that wrote into cur/ would.
    std::string put(const std::string& fileName, const std::string& content = "Subject: x\n\nbody\n") {
        write(path + "/tmp/" + fileName, content);
        std::filesystem::rename(path + "/tmp/" + fileName, path + "/cur/" + fileName);
        return std::string(baseNameOf(fileName));
    }
    // Where the message is: "new/name" or "cur/name"; empty if nowhere.
    [[nodiscard]] std::string find(const std::string& base) const {
        for (const char* part : {"new", "cur"}) {
            for (const auto& each : std::filesystem::directory_iterator(path + "/" + part)) {
                const std::string name = each.path().filename();
                if (baseNameOf(name) == base) return std::string(part) + "/" + name;
            }
        }
        return {};
    }
    void flag(const std::string& base, const std::string& letters) {
        std::filesystem::rename(path + "/" + find(base), path + "/cur/" + base + ":2," + letters);
    }
    void remove(const std::string& base) { std::filesystem::remove(path + "/" + find(base)); }
    [[nodiscard]] std::size_t fileCount() const { return count("new") + count("cur"); }
    [[nodiscard]] std::size_t count(const std::string& part) const {
        const std::filesystem::directory_iterator entries(path + "/" + part);
        return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
    }
    [[nodiscard]] std::string uidList() const { return contentOf(path + "/dovecot-uidlist"); }
    // Makes the directories look as if nothing had happened for a while.
    void age() const {
        const timespec times[2] = {{0, UTIME_OMIT}, {time(nullptr) - 100 - ++_aged, 0}};
        for (const char* part : {"/new", "/cur"}) utimensat(AT_FDCWD, (path + part).c_str(), times, 0);
    }
    const std::string path;

private:
    int _count = 0;
    mutable int _aged = 0;
};

// "uid:base name" of each message, in order.
inline std::vector<std::string> listing(const Snapshot& snapshot) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < snapshot.size(); ++i) {
        const RecordRef record = snapshot.at(i);
        result.push_back(std::to_string(record->uid.value) + ":" + std::string(record.baseName()));
    }
    return result;
}

inline std::vector<Uid> uidsOf(const Snapshot& snapshot) {
    std::vector<Uid> uids;
    for (std::size_t i = 0; i < snapshot.size(); ++i) uids.push_back(snapshot.at(i)->uid);
    return uids;
}

inline std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) all += part + " ";
    return all;
}

inline FlagSet flagsOf(const Snapshot& snapshot, Uid uid) {
    const auto record = snapshot.find(uid);
    CPPUNIT_ASSERT(record.has_value());
    return (*record)->flags;
}

inline std::set<std::string> keywordsOfMessage(const Snapshot& snapshot, Uid uid) {
    std::set<std::string> names;
    const auto record = snapshot.find(uid);
    CPPUNIT_ASSERT(record.has_value());
    for (std::size_t i = 0; i < maxKeywords; ++i) {
        if ((*record)->keywords.test(i)) names.insert(snapshot.keywords().nameOf(i));
    }
    return names;
}

inline std::string readAll(const MessageFile& file) {
    std::string text(file.storedOctets(), '\0');
    file.readStored(0, std::span(text.data(), text.size()));
    return text;
}

inline DeliveryResult append(Mailbox& mailbox, const std::string& wire, FlagSet flags = {},
                             const std::vector<std::string>& keywords = {},
                             std::optional<std::int64_t> date = std::nullopt) {
    auto delivery = mailbox.beginDelivery();
    delivery->write(wire);
    return mailbox.deliver(std::move(delivery), flags, keywords, date);
}

// Refreshes until the condition holds; false after the deadline.
template <class Condition>
bool eventually(Mailbox& mailbox, Condition&& condition) {
    for (int i = 0; i < 200; ++i) {
        if (condition(*mailbox.refresh())) return true;
        usleep(50'000);
    }
    return false;
}

}  // namespace maildir::test

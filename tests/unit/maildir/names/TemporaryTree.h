// A directory of its own for each test, gone afterwards, with words to build and look at trees in it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "maildir/Error.h"

namespace maildir {

class TemporaryTree {
public:
    TemporaryTree() {
        std::string pattern = (std::filesystem::temp_directory_path() / "maildock-names.XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
        _path = pattern;
    }
    ~TemporaryTree() {
        std::error_code ignored;
        std::filesystem::remove_all(_path, ignored);
    }
    TemporaryTree(const TemporaryTree&) = delete;
    TemporaryTree& operator=(const TemporaryTree&) = delete;

    [[nodiscard]] const std::string& path() const { return _path; }
    [[nodiscard]] std::string operator/(const std::string& name) const { return _path + '/' + name; }

    // As another program would: directory, cur, new, tmp.
    void makeMaildir(const std::string& directory) const {
        for (const char* part : {"/cur", "/new", "/tmp"}) {
            std::filesystem::create_directories(_path + '/' + directory + part);
        }
    }
    void write(const std::string& name, const std::string& content) const {
        std::ofstream(_path + '/' + name, std::ios::binary) << content;
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file(_path + '/' + name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] bool has(const std::string& name) const {
        struct stat status {};
        return ::lstat((_path + '/' + name).c_str(), &status) == 0;
    }

private:
    std::string _path;
};

// The kind of Error that a call throws.
template <class Call>
std::string errorOf(const Call& call) {
    try {
        call();
    } catch (const Error& error) {
        switch (error.kind()) {
            case ErrorKind::NotFound:
                return "NotFound";
            case ErrorKind::AlreadyExists:
                return "AlreadyExists";
            case ErrorKind::NoPermission:
                return "NoPermission";
            case ErrorKind::Busy:
                return "Busy";
            case ErrorKind::WouldWait:
                return "WouldWait";
            case ErrorKind::Limit:
                return "Limit";
            case ErrorKind::InvalidName:
                return "InvalidName";
            case ErrorKind::Unavailable:
                return "Unavailable";
            case ErrorKind::Corrupt:
                return "Corrupt";
            default:
                return "other";
        }
    }
    return "none";
}

}  // namespace maildir

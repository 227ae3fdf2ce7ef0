// A message file in a temporary directory of its own, for tests.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "maildir/message/MessageFile.h"

class TemporaryMessage {
public:
    explicit TemporaryMessage(std::string_view content) {
        std::string pattern = std::filesystem::temp_directory_path() / "maildock-message-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
        _directory = pattern;
        write(content);
    }
    ~TemporaryMessage() { std::filesystem::remove_all(_directory); }
    TemporaryMessage(const TemporaryMessage&) = delete;
    TemporaryMessage& operator=(const TemporaryMessage&) = delete;

    void write(std::string_view content) const { std::ofstream(path(), std::ios::binary) << content; }
    [[nodiscard]] std::string path() const { return _directory / "message"; }
    [[nodiscard]] maildir::MessageFile open() const {
        return maildir::MessageFile(maildir::FileDescriptor(::open(path().c_str(), O_RDONLY | O_CLOEXEC)), path());
    }

private:
    std::filesystem::path _directory;
};

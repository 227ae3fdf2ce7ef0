// One syncfs(2) for the content of many files that another program may have written without a sync of its own, done by
// a thread of its own: it may take long, and whoever needs it has others to serve. One thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace maildir {

class FileSystemSync {
public:
    // Whether it is a better way than fsync(2) of so many files below this directory, and tells of errors at all.
    // Where much else waits to be written it is not.
    static bool isBetter(const std::string& directory, std::size_t files);

    // Starts to sync the file system of this directory. Throws Error.
    explicit FileSystemSync(const std::string& directory);
    // Waits until it is done, or this long. False: it is not done yet.
    bool waitFor(std::chrono::milliseconds duration);
    // Once it is done: whether all was written.
    [[nodiscard]] bool hasSucceeded() const;

private:
    struct State;
    std::shared_ptr<State> _state;
};

}  // namespace maildir

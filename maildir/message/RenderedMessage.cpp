// Where a rendering goes: a file without a name, or nowhere.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "maildir/message/SevenBit.h"

namespace maildir {

namespace {

// Not open: the directory does not take files.
FileDescriptor namelessIn(const std::string& directory) {
    FileDescriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file.isOpen()) return file;
    // Not every file system can do that (NFS): a name for a moment.
    std::string path = directory + "/maildock-rendering.XXXXXX";
    file = FileDescriptor(::mkostemp(path.data(), O_CLOEXEC));
    if (file.isOpen()) ::unlink(path.c_str());
    return file;
}

FileDescriptor fileFor(const MessageFile& message, const std::string& directory) {
    if (message.storedOctets() <= maxRenderedInMemory) {
        FileDescriptor file(::memfd_create("rendering", MFD_CLOEXEC));
        if (file.isOpen()) return file;
    }
    if (!directory.empty()) {
        FileDescriptor file = namelessIn(directory);
        if (file.isOpen()) return file;
    }
    FileDescriptor file = namelessIn(std::filesystem::temp_directory_path());
    if (!file.isOpen()) throw Error(ErrorKind::Io, "no folder for the rendering of a message", message.path());
    return file;
}

class FileSink : public RenderingSink {
public:
    explicit FileSink(int file) : _file(file) {}

    void write(std::string_view octets) override {
        try {
            writeAll(_file, octets, "rendering");
        } catch (const Error& error) {
            // A full disk here has nothing to do with what the user keeps.
            throw Error(ErrorKind::Io, error.what());
        }
    }

    void restart() override {
        if (::ftruncate(_file, 0) != 0 || ::lseek(_file, 0, SEEK_SET) != 0) {
            throw Error(ErrorKind::Io, "a rendering cannot begin again");
        }
    }

private:
    int _file;
};

class NoSink : public RenderingSink {
public:
    void write(std::string_view /*octets*/) override {}
    void restart() override {}
};

}  // namespace

std::shared_ptr<const RenderedMessage> renderedSevenBit(const MessageFile& message, const Structure& stored,
                                                        const std::string& directory) {
    FileDescriptor file = fileFor(message, directory);
    FileSink sink(file.get());
    Structure structure = renderSevenBit(message, stored, sink);
    return std::make_shared<const RenderedMessage>(std::move(file), message.path(), std::move(structure));
}

MessageFile RenderedMessage::open() const {
    FileDescriptor file(::fcntl(_file.get(), F_DUPFD_CLOEXEC, 0));
    if (!file.isOpen()) throw Error(ErrorKind::Io, "no descriptor for a rendering", _path);
    return MessageFile(std::move(file), _path);
}

Structure structureOfSevenBit(const MessageFile& message, const Structure& stored) {
    NoSink sink;
    return renderSevenBit(message, stored, sink);
}

}  // namespace maildir

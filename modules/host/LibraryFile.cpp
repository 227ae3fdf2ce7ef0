#include "modules/host/LibraryFile.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <Poco/String.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <system_error>

#include "modules/api/Version.h"

namespace maildock::host {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw LibraryError("the library " + path + " " + why);
}

struct Descriptor {
    explicit Descriptor(int opened) : number(opened) {}
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    const int number;
};

bool readAt(int descriptor, void* into, std::size_t octets, std::uint64_t offset) {
    return ::pread(descriptor, into, octets, static_cast<off_t>(offset)) == static_cast<ssize_t>(octets);
}

// dlopen() maps what the program headers promise: of a file cut short it dies by SIGBUS rather than failing.
void checkElf(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.number < 0) {
        if (errno == ENOENT) throw LibraryError("there is no library " + path);
        refuse(path, "can't be read: " + std::generic_category().message(errno));
    }
    struct stat status {};
    if (::fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode)) refuse(path, "is not a regular file");
    const auto size = static_cast<std::uint64_t>(status.st_size);

    ElfW(Ehdr) header{};
    ElfW(Ehdr) own{};
    const Descriptor self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const bool isComparable = self.number >= 0 && readAt(self.number, &own, sizeof own, 0);
    if (!readAt(file.number, &header, sizeof header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        refuse(path, "is broken: it is not an ELF file");
    }
    if (header.e_type != ET_DYN || header.e_phentsize != sizeof(ElfW(Phdr))) refuse(path, "is not a shared library");
    if (isComparable && (header.e_machine != own.e_machine || header.e_ident[EI_CLASS] != own.e_ident[EI_CLASS])) {
        refuse(path, "was built for another machine");
    }
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) segment{};
        const bool isRead =
            readAt(file.number, &segment, sizeof segment, header.e_phoff + std::uint64_t{i} * sizeof segment);
        if (!isRead || segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
            refuse(path, "is broken: the file is cut short");
        }
    }
}

using KindFunction = const char* (*)();
using VersionFunction = int (*)();

}  // namespace

std::string debianPackageFor(const std::string& loaderMessage) {
    const std::size_t colon = loaderMessage.find(": cannot open shared object file");
    const std::size_t so = loaderMessage.find(".so.");
    if (colon == std::string::npos || so == std::string::npos || so > colon) return "";
    std::string name = Poco::toLower(loaderMessage.substr(0, so));
    const std::string version = loaderMessage.substr(so + 4, colon - so - 4);
    static const std::map<std::string, std::string> others = {
        {"libcrypto", "libssl"}, {"liblber-2.5", "libldap-2.5"}, {"libicuuc", "libicu"}, {"libicui18n", "libicu"}};
    if (const auto other = others.find(name); other != others.end()) name = other->second;
    std::replace(name.begin(), name.end(), '_', '-');
    const bool endsInDigit = !name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0;
    return name + (endsInDigit ? "-" : "") + version;
}

void checkLibrary(const std::string& path, const std::string& kind) {
    checkElf(path);
    // Not by Poco::SharedLibrary, which binds lazily: a missing symbol must show here, not in the middle of a login.
    const std::unique_ptr<void, int (*)(void*)> library(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), &::dlclose);
    if (!library) {
        const char* why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps the text a thread
        const std::string reason = why == nullptr ? "unknown reason" : why, package = debianPackageFor(reason);
        refuse(path, "can't be loaded: " + reason +
                         (package.empty() ? "" : "; on Debian it comes with: apt install " + package));
    }
    const auto kindOf = reinterpret_cast<KindFunction>(::dlsym(library.get(), "maildockLibraryKind"));
    const auto versionOf = reinterpret_cast<VersionFunction>(::dlsym(library.get(), "maildockInterfaceVersion"));
    if (kindOf == nullptr || versionOf == nullptr) {
        refuse(path, "is not one of Maildock's: it lacks the line MAILDOCK_LIBRARY(\"" + kind + "\")");
    }
    if (const int version = versionOf(); version != interfaceVersion) {
        refuse(path, "was built for interface version " + std::to_string(version) + ", and this program has version " +
                         std::to_string(interfaceVersion) + ": build it again with this program's headers");
    }
    if (const std::string actual = kindOf(); actual != kind) {
        refuse(path, "is of kind \"" + actual + "\", and \"" + kind + "\" is wanted here");
    }
}

}  // namespace maildock::host

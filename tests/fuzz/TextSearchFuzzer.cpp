// Search over any message in a file: it ends, and what stands in a plain part is found. The input is a pattern up to
// the first NUL, then the message.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "maildir/message/TextSearch.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void searchFile(std::string_view content, const maildir::SearchPattern& pattern, bool mustBeFound) {
    maildir::FileDescriptor descriptor(::memfd_create("message", MFD_CLOEXEC));
    if (!descriptor.isOpen()) return;
    maildir::writeAll(descriptor.get(), content, "message");
    const maildir::MessageFile file(std::move(descriptor), "message");
    const maildir::Structure structure = file.structure();
    const auto found = maildir::searchMessage(file, structure, {&pattern, &pattern}, true);
    require(found.size() == 2 && found[0] == found[1]);
    require(found[0] || !mustBeFound);
}

bool isPlain(std::string_view text) {
    for (const char c : text) {
        if (c < ' ' || c > '~') return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = input.find('\0');
    if (end == std::string_view::npos) return 0;
    const std::string_view text = input.substr(0, end);
    const std::string_view message = input.substr(end + 1);
    const maildir::SearchPattern pattern(text);
    searchFile(message, pattern, text.empty());
    if (isPlain(text)) {
        std::string plain("\n");
        plain.append(message);
        plain.append(text);
        searchFile(plain, pattern, true);
    }
    (void)pattern.foundInHeaderValue(message);
    return 0;
}

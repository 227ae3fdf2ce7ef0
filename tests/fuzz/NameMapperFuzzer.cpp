// Directory names and mailbox names map one to one in every layout and encoding, and none leads outside the root; and
// modified UTF-7 gives back what it took.
#include <cstdint>
#include <cstdlib>

#include "maildir/Error.h"
#include "maildir/names/NameMapper.h"
#include "maildir/names/Unicode.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void checkUtf7(const std::string& text) {
    if (const auto utf8 = maildir::modifiedUtf7ToUtf8(text)) {
        require(maildir::isValidUtf8(*utf8));
        require(maildir::modifiedUtf7ToUtf8(maildir::utf8ToModifiedUtf7(*utf8).value()) == *utf8);
    }
    if (const auto utf7 = maildir::utf8ToModifiedUtf7(text)) {
        require(maildir::isValidUtf8(text) && maildir::modifiedUtf7ToUtf8(*utf7) == text);
    }
}

void checkDirectory(const maildir::NameMapper& mapper, const std::string& directory) {
    const auto name = mapper.nameOf(directory);
    if (name) require(mapper.directoryOf(*name) == directory);
}

void checkName(const maildir::NameMapper& mapper, const std::string& text) {
    maildir::MailboxName name;
    for (std::size_t begin = 0;;) {
        const auto end = text.find('/', begin);
        name.levels.push_back(text.substr(begin, end - begin));
        if (end == std::string::npos) break;
        begin = end + 1;
    }
    try {
        const std::string directory = mapper.directoryOf(name);
        require(directory.empty() || mapper.nameOf(directory) == name);
        require(!directory.starts_with('/') && ('/' + directory + '/').find("/../") == std::string::npos);
    } catch (const maildir::Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using maildir::Layout;
    using maildir::NameEncoding;
    if (size == 0) return 0;
    constexpr NameEncoding encodings[] = {NameEncoding::ModifiedUtf7, NameEncoding::Utf8, NameEncoding::CourierUtf8,
                                          NameEncoding::DovecotUtf7};
    constexpr char escapes[] = {0, '%', '\\', '='};
    const Layout layout = data[0] & 1 ? Layout::Fs : Layout::MaildirPlusPlus;
    const maildir::NameMapper mapper(layout, encodings[data[0] >> 1 & 3], escapes[data[0] >> 3 & 3]);
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    checkUtf7(text);
    checkDirectory(mapper, text);
    checkName(mapper, text);
    static_cast<void>(maildir::detectEncoding({text, '.' + text}, layout));
    return 0;
}

#include "imapd/fetch/MessageContent.h"

#include <algorithm>

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;

namespace {

// What is derived of one message but larger than this would only crowd out the facts of many others.
constexpr std::size_t maxDerivedOctets = 64 * 1024;

// Facts of the rendering without 8-bit octets have this after their key: its format and version.
constexpr const char* renderingSuffix = " 7bit1";

// Where the empty line that ends a header block ends, looking from `from` on; npos if it is not there yet.
std::size_t endOfHeader(const std::string& block, std::size_t from) {
    for (std::size_t lf = block.find('\n', from); lf != std::string::npos; lf = block.find('\n', lf + 1)) {
        const bool isLineEmpty =
            lf == 0 || block[lf - 1] == '\n' || (block[lf - 1] == '\r' && (lf == 1 || block[lf - 2] == '\n'));
        if (isLineEmpty) return lf + 1;
    }
    return std::string::npos;
}

}  // namespace

const maildir::MessageFile& MessageContent::file() {
    if (!_file && !takeRendering()) {
        _file.emplace(_mailbox->open(_uid));
        checkAgreement();
    }
    return *_file;
}

const maildir::Structure& MessageContent::structure() {
    if (!_structure && !takeRendering()) {
        _structure = _mailbox->structure(_uid, _file ? &*_file : nullptr);
        checkAgreement();
    }
    return *_structure;
}

bool MessageContent::knowsStructure() {
    if (!_structure && !takeRendering()) {
        _structure = _mailbox->knownStructure(_uid);
        checkAgreement();
    }
    return _structure != nullptr;
}

bool MessageContent::takeRendering() {
    if (isAsStored() || _isStored) return false;
    const std::shared_ptr<const maildir::RenderedMessage> rendered = _mailbox->sevenBit(_uid);
    if (!rendered) {
        _isStored = true;
        return false;
    }
    _file.emplace(rendered->open());
    _structure = {rendered, &rendered->structure()};
    return true;
}

void MessageContent::checkAgreement() const {
    // Between the two looks another program may have put another content in place: its UID is not this one (promise 3).
    if (_file && _structure && _file->storedOctets() != _structure->storedOctets) {
        throw Error(ErrorKind::Expunged, "the message was rewritten", _file->path());
    }
}

const std::string& MessageContent::header() {
    if (_header) return *_header;
    constexpr std::uint64_t firstBlock = 8 * 1024, largestBlock = 1024 * 1024;
    const std::uint64_t limit = std::min(file().storedOctets(), maxHeaderOctets);
    std::string block;
    std::uint64_t blockOctets = firstBlock;
    std::size_t end = std::string::npos;
    while (end == std::string::npos && block.size() < limit) {
        const std::size_t before = block.size();
        block.resize(before + static_cast<std::size_t>(std::min<std::uint64_t>(blockOctets, limit - before)));
        _file->readStored(before, std::span<char>(block).subspan(before));
        end = endOfHeader(block, before);
        blockOctets = std::min(blockOctets * 2, largestBlock);
    }
    if (end != std::string::npos) block.resize(end);
    _header = std::move(block);
    return *_header;
}

std::string MessageContent::stored(const maildir::Extent& extent) {
    std::string octets(static_cast<std::size_t>(std::min(extent.storedOctets, maxHeaderOctets)), '\0');
    file().readStored(extent.storedOffset, octets);
    return octets;
}

void MessageContent::hold(std::uint64_t offset, std::span<char> memory) {
    (void)file();
    _file->hold(offset, memory);
}

void MessageContent::closeIfHeld() {
    if (_file) _file->closeIfHeld();
}

std::shared_ptr<const std::string> MessageContent::derived(const std::string& key) {
    return isAsStored() ? _mailbox->derived(_uid, key) : _mailbox->derived(_uid, key + renderingSuffix);
}

void MessageContent::storeDerived(const std::string& key, std::string bytes) {
    if (bytes.size() > maxDerivedOctets) return;
    _mailbox->storeDerived(_uid, isAsStored() ? key : key + renderingSuffix, std::move(bytes));
}

}  // namespace imapd

#include "maildir/message/FieldText.h"

#include <algorithm>

#include "maildir/message/Ascii.h"
#include "maildir/message/CaseFold.h"
#include "maildir/message/Header.h"

namespace maildir {

namespace {

std::string onOneLine(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');  // an encoded-word may hide one
    return text;
}

// Empty for the end of a group.
std::string addressText(const Address& address) {
    if (!address.mailbox) return {};
    std::string mailbox = decodeEncodedWords(*address.mailbox);
    if (address.host && !address.host->empty()) mailbox += '@' + decodeEncodedWords(*address.host);
    if (!address.name) return mailbox;
    std::string name = decodeEncodedWords(*address.name);
    return mailbox.empty() ? name : name + " <" + mailbox + '>';
}

}  // namespace

void joinBlanks(std::string& text, std::size_t from) {
    std::size_t kept = from;
    for (std::size_t at = from; at < text.size(); ++at) {
        if (!ascii::isBlank(text[at])) {
            text[kept++] = text[at];
        } else if (kept == from || text[kept - 1] != ' ') {
            text[kept++] = ' ';
        }
    }
    text.resize(kept);
}

void foldFieldText(std::string_view utf8, std::string& folded) {
    const std::size_t start = folded.size();
    foldCase(utf8, folded);
    joinBlanks(folded, start);  // afterwards, since folding makes blanks of other white space
}

std::string fieldText(std::string_view rawValue) {
    return onOneLine(decodeEncodedWords(unfold(rawValue)));
}

std::vector<std::string> addressTexts(std::string_view rawValue) {
    const std::string value = unfold(rawValue);
    std::vector<std::string> texts = {fieldText(rawValue)};
    std::string asList;
    for (const Address& address : parseAddresses(value)) {
        std::string text = onOneLine(addressText(address));
        if (text.empty()) continue;
        if (!asList.empty()) asList += ", ";
        asList += text;
        texts.push_back(std::move(text));
    }
    if (asList == texts.front()) texts.resize(1);
    return texts;
}

}  // namespace maildir

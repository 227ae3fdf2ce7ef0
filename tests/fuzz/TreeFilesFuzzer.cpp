// The text files of a tree: subscriptions, keywords and what Courier left are read whatever they hold, and what is
// written from them reads as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "maildir/Error.h"
#include "maildir/names/CourierTakeover.h"
#include "maildir/names/Keywords.h"
#include "maildir/names/Subscriptions.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void checkSubscriptions(std::string_view text, maildir::Layout layout) {
    const maildir::NameMapper mapper(layout, maildir::NameEncoding::ModifiedUtf7);
    for (const maildir::MailboxName& name : maildir::parseCourierSubscriptions(text, mapper)) {
        static_cast<void>(mapper.directoryOf(name));
    }
    try {
        auto list = maildir::SubscriptionList::parse(text, mapper);
        const auto names = list.names();
        auto again = maildir::SubscriptionList::parse(list.text(), mapper);
        require(again.names() == names && again.text() == list.text());
        const maildir::MailboxName added{{"new", "one"}};
        const bool isNew = list.add(added, mapper);
        require(isNew == !names.contains(added));
        require(maildir::SubscriptionList::parse(list.text(), mapper).names().contains(added));
        for (const maildir::MailboxName& name : names) require(list.remove(name));
        require(list.names().size() == (isNew ? 1U : 0U));
    } catch (const maildir::Error&) {
    }
}

void checkKeywords(std::string_view text) {
    const auto table = maildir::KeywordTable::parse(text, text);
    require(table.size() <= maildir::maxKeywords);
    for (std::size_t index = 0; index < table.size(); ++index) {
        const std::string& name = table.nameOf(index);
        if (!name.empty()) require(maildir::isKeywordName(name) && table.indexOf(name).value() <= index);
    }
    for (const auto& [baseName, names] : maildir::parseCourierKeywordList(text).byBaseName) {
        require(!baseName.empty() && !names.empty() && baseName.find('/') == std::string::npos);
    }
}

void checkUidList(std::string_view text) {
    const auto list = maildir::parseCourierUidList(text);
    if (!list) return;
    std::uint32_t last = 0;
    for (const auto& row : list->rows) {
        require(row.uid > last && row.uid < list->nextUid);
        require(row.baseName.find_first_of(":/\n") == std::string::npos);
        last = row.uid;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    checkSubscriptions(text, maildir::Layout::MaildirPlusPlus);
    checkSubscriptions(text, maildir::Layout::Fs);
    checkKeywords(text);
    checkUidList(text);
    return 0;
}

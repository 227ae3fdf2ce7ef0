// A message of a session's view as SEARCH looks at it. Dates and header values are kept, side by side in columns and as
// derived facts, so that the next search of the same field reads no file.
#pragma once

#include <optional>

#include "imapd/fetch/MessageContent.h"
#include "imapd/search/SearchColumns.h"
#include "imapd/search/SearchSubject.h"
#include "imapd/search/SearchedTexts.h"

namespace imapd {

class Session;

class ViewedMessage : public SearchSubject {
public:
    // record and keywords belong to one snapshot, which outlives this, as do the columns.
    ViewedMessage(Session& session, const maildir::RecordRef& record, const maildir::KeywordTable& keywords,
                  SearchColumns& columns);

    // What was found in its text already; both outlive this.
    void textWasRead(const SearchedTexts& texts, const SearchedTexts::Found& found) {
        _texts = &texts;
        _found = &found;
    }

    [[nodiscard]] maildir::Uid uid() const override { return _record->uid; }
    [[nodiscard]] maildir::FlagSet flags() const override { return _record->flags; }
    [[nodiscard]] bool hasKeyword(std::string_view name) const override;
    [[nodiscard]] bool isRecent() const override;
    std::int64_t internalDate() override;
    std::uint64_t octets() override;
    std::string_view foldedHeader(const std::string& name) override;
    std::string_view foldedAddresses(const std::string& name) override;
    std::optional<std::int64_t> sentDay() override;
    std::vector<bool> textHas(const std::vector<const maildir::SearchPattern*>& patterns, bool withHeaders) override;

private:
    MessageContent& content();
    // What look() gives; of a message that can't be read, what it has that has nothing.
    template <class Value, class Look>
    Value readable(Value nothing, Look&& look);
    using Texts = std::vector<std::string>;
    // What `read` adds for each field of that name; kept as a derived fact, whose key starts with `kind`.
    Texts headerTexts(const char* kind, const std::string& name, void (*read)(std::string_view rawValue, Texts& texts));
    Texts fieldTexts(const std::string& name);

    Session* _session;
    maildir::RecordRef _record;
    const maildir::KeywordTable* _keywords;
    SearchColumns* _columns;
    const SearchedTexts* _texts = nullptr;
    const SearchedTexts::Found* _found = nullptr;
    std::optional<MessageContent> _content;  // once it is needed
};

}  // namespace imapd

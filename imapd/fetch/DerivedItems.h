// What FETCH shows of a message and is kept ready for the wire: ENVELOPE, BODY, BODYSTRUCTURE, chosen header fields,
// and what PARSE says of the header. Derived where it is not known yet, and stored then. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "imapd/fetch/FetchPlan.h"
#include "imapd/fetch/MessageContent.h"
#include "imapd/response/ResponseWriter.h"

namespace imapd {

class Session;

// All that the form of these items depends on.
struct ItemFormat {
    WireFeatures features;
    bool emptyHeaderIsNil = false;  // row V0041
    bool tellsDamage = false;
    maildir::Rendering rendering = maildir::Rendering::AsStored;

    static ItemFormat of(Session& session);
    // Of the keys under which items are kept: what their text depends on.
    [[nodiscard]] std::string keySuffix() const;
};

class DerivedItems {
public:
    // content and format outlive this.
    DerivedItems(MessageContent& content, const ItemFormat& format);

    // Never null. Throw maildir::Error; Expunged once the message is gone.
    std::shared_ptr<const std::string> envelope();
    std::shared_ptr<const std::string> body();
    std::shared_ptr<const std::string> bodyStructure();
    std::shared_ptr<const std::string> damage();
    // Of the message itself, not of one that it holds.
    std::shared_ptr<const std::string> headerFields(const FetchPlan::Part& part);

private:
    template <class Derive>
    std::shared_ptr<const std::string> item(const std::string& key, Derive&& derive);

    MessageContent* _content;
    const ItemFormat* _format;
};

}  // namespace imapd

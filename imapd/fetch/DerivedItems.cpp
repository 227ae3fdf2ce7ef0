#include "imapd/fetch/DerivedItems.h"

#include <utility>

#include "imapd/fetch/HeaderDamage.h"
#include "imapd/fetch/Sections.h"
#include "imapd/response/StructureWriter.h"
#include "imapd/session/Session.h"
#include "imapd/session/SizeOf.h"

namespace imapd {

ItemFormat ItemFormat::of(Session& session) {
    return {session.features(), session.policy().emptyHeaderIsNil, session.policy().alertAndParse,
            renderingFor(session)};
}

std::string ItemFormat::keySuffix() const {
    std::string suffix = features.utf8 ? "u" : "";
    if (emptyHeaderIsNil) suffix += 'n';
    return suffix;
}

DerivedItems::DerivedItems(MessageContent& content, const ItemFormat& format) : _content(&content), _format(&format) {}

template <class Derive>
std::shared_ptr<const std::string> DerivedItems::item(const std::string& key, Derive&& derive) {
    if (auto known = _content->derived(key)) return known;
    auto text = std::make_shared<const std::string>(derive());
    _content->storeDerived(key, *text);
    return text;
}

std::shared_ptr<const std::string> DerivedItems::envelope() {
    return item("envelope1" + _format->keySuffix(), [this] {
        static const maildir::EnvelopeFields none;
        const maildir::Part& root = _content->structure().root;
        return imapd::envelope(root.envelope ? *root.envelope : none, _format->features, _format->emptyHeaderIsNil);
    });
}

std::shared_ptr<const std::string> DerivedItems::body() {
    return item("body1" + _format->keySuffix(), [this] {
        return imapd::bodyStructure(_content->structure().root, _format->features, false, _format->emptyHeaderIsNil);
    });
}

std::shared_ptr<const std::string> DerivedItems::bodyStructure() {
    return item("bodystructure1" + _format->keySuffix(), [this] {
        return imapd::bodyStructure(_content->structure().root, _format->features, true, _format->emptyHeaderIsNil);
    });
}

std::shared_ptr<const std::string> DerivedItems::damage() {
    return item("damage1", [this] { return damageOf(_content->structure()); });
}

std::shared_ptr<const std::string> DerivedItems::headerFields(const FetchPlan::Part& part) {
    const auto choose = [&] {
        return chosenFields(_content->header(), part.section.fields, part.section.kind == Section::HeaderFieldsNot);
    };
    if (part.derivedKey.empty()) return std::make_shared<const std::string>(choose());
    return item(part.derivedKey, choose);
}

}  // namespace imapd

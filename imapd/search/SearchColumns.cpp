#include "imapd/search/SearchColumns.h"

#include <algorithm>

namespace imapd {

using maildir::Column;
using maildir::Uid;

namespace {

constexpr std::size_t fewest = 64;  // fewer values than these are looked up as quickly

std::shared_ptr<const Column> merged(const Column& one, const Column& other) {
    auto all = std::make_shared<Column>(one.opening());
    std::size_t next = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        for (; next < other.size() && other.uid(next) < one.uid(i); ++next)
            all->add(other.uid(next), other.value(next));
        all->add(one.uid(i), one.value(i));
    }
    for (; next < other.size(); ++next) all->add(other.uid(next), other.value(next));
    return all;
}

}  // namespace

std::optional<std::string_view> SearchColumns::Each::known(Uid uid) {
    next = before->lowerBound(uid, next);
    if (next < before->size() && before->uid(next) == uid) return before->value(next);
    // The same value may be asked for by several keys.
    if (found.size() > 0 && found.uid(found.size() - 1) == uid) return found.value(found.size() - 1);
    return std::nullopt;
}

SearchColumns::Each* SearchColumns::find(std::string_view name) {
    for (const auto& each : _columns) {
        if (each->name == name) return each.get();
    }
    if (_columns.size() == maxColumns) return nullptr;
    _columns.push_back(std::make_unique<Each>(std::string(name), _mailbox->column(name)));
    return _columns.back().get();
}

void SearchColumns::keep() const {
    for (const auto& each : _columns) {
        // A column is copied for them: not for each message that comes in.
        if (each->found.size() < fewest + each->before->size() / 16) continue;
        _mailbox->keepColumn(each->name, merged(*each->before, each->found));
    }
}

}  // namespace imapd

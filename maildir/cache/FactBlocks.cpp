#include "maildir/cache/FactBlocks.h"

#include <algorithm>

#include "maildir/cache/Bytes.h"

namespace maildir {

const FactBlocks::Read* FactBlocks::read(std::size_t number) {
    const FactBlock& block = _blocks[number];
    const auto known =
        std::find_if(_read.begin(), _read.end(), [&](const auto& each) { return each->offset == block.place.offset; });
    if (known != _read.end()) {
        std::rotate(known, known + 1, _read.end());
        return _read.back().get();
    }
    auto read = std::make_unique<Read>();
    std::optional<std::string> bytes = _file->read(block.place);
    bool isGood = bytes.has_value();
    if (isGood) {
        read->offset = block.place.offset;
        read->bytes = std::move(*bytes);
        ByteReader reader(read->bytes);
        read->entries.resize(reader.count(2));
        std::uint64_t uid = 0, octets = 0;
        for (Entry& entry : read->entries) {
            uid += reader.number(UINT32_MAX);
            entry.uid = Uid{static_cast<std::uint32_t>(uid)};
            entry.offset = static_cast<std::uint32_t>(octets);
            entry.octets = reader.as<std::uint32_t>();
            octets += entry.octets;
            isGood = isGood && uid <= UINT32_MAX && octets <= read->bytes.size();
        }
        isGood = isGood && reader.isSound() && octets <= read->bytes.size();
        if (isGood) {
            const auto start = static_cast<std::uint32_t>(read->bytes.size() - octets);
            for (Entry& entry : read->entries) entry.offset += start;
        }
    }
    if (!isGood) {
        _blocks.erase(_blocks.begin() + static_cast<std::ptrdiff_t>(number));
        return nullptr;
    }
    std::size_t octets = read->bytes.size();
    for (const auto& each : _read) octets += each->bytes.size();
    while (!_read.empty() && octets > _readOctets) {
        octets -= _read.front()->bytes.size();
        _read.erase(_read.begin());
    }
    _read.push_back(std::move(read));
    return _read.back().get();
}

std::optional<std::string_view> FactBlocks::find(Uid uid) {
    for (std::size_t number = _blocks.size(); number-- > 0;) {
        if (uid < _blocks[number].first || uid > _blocks[number].last) continue;
        const Read* const block = read(number);
        if (block == nullptr) continue;
        const auto entry = std::partition_point(block->entries.begin(), block->entries.end(),
                                                [uid](const Entry& each) { return each.uid < uid; });
        if (entry != block->entries.end() && entry->uid == uid)
            return std::string_view(block->bytes).substr(entry->offset, entry->octets);
    }
    return std::nullopt;
}

void FactBlocks::each(const std::function<bool(Uid)>& isKept, const std::function<void(Uid, std::string_view)>& take) {
    struct Place {
        Uid uid;
        std::uint32_t block = 0;
    };
    std::vector<Place> places;
    for (std::size_t number = _blocks.size(); number-- > 0;) {
        const Read* const block = read(number);
        if (block == nullptr) continue;  // the numbers of later ones have changed, but those are dealt with
        for (const Entry& entry : block->entries) {
            if (isKept(entry.uid)) places.push_back({entry.uid, static_cast<std::uint32_t>(number)});
        }
    }
    // The last block of each UID first.
    std::sort(places.begin(), places.end(), [](const Place& left, const Place& right) {
        return left.uid != right.uid ? left.uid < right.uid : left.block > right.block;
    });
    Uid last;
    _readOctets = readOctetsOfAll;
    for (const Place& place : places) {
        if (place.uid == last) continue;
        last = place.uid;
        if (const auto facts = find(place.uid)) take(place.uid, *facts);
    }
    _readOctets = readOctets;
    dropRead();
}

FactBlocks::Load FactBlocks::load() const {
    Load load;
    load.blocks = _blocks.size();
    for (const FactBlock& block : _blocks) {
        load.octets += block.place.octets;
        load.messages += block.messages;
    }
    return load;
}

void FactBlockWriter::add(Uid uid, std::string_view facts) {
    if (_messages > 0 && (_messages >= FactBlocks::maxMessages || _facts.size() + facts.size() > FactBlocks::maxOctets))
        finish();
    if (_messages == 0) _first = uid;
    ByteWriter table(_table);
    table.number(_messages == 0 ? uid.value : uid.value - _last.value);
    table.number(facts.size());
    _facts.append(facts);
    _last = uid;
    ++_messages;
}

void FactBlockWriter::finish() {
    if (_messages == 0) return;
    std::string block;
    ByteWriter writer(block);
    writer.number(_messages);
    block.append(_table).append(_facts);
    const BlockPlace place = _file.append(block);
    _take({place, _first, _last, _messages});
    _table.clear();
    _facts.clear();
    _messages = 0;
}

}  // namespace maildir

// The rendering of a message without 8-bit octets as a string, for tests.
#pragma once

#include <string>
#include <string_view>

#include "TemporaryMessage.h"
#include "maildir/message/SevenBit.h"
#include "maildir/message/TransferDecoder.h"

struct RenderedText {
    explicit RenderedText(std::string_view stored, maildir::StructureLimits limits = {}) {
        const TemporaryMessage message(stored);
        struct Sink : maildir::RenderingSink {
            std::string octets;
            int begun = 1;
            void write(std::string_view more) override { octets += more; }
            void restart() override {
                octets.clear();
                ++begun;
            }
        } sink;
        structure = maildir::renderSevenBit(message.open(), maildir::parseStructure(stored, limits), sink, limits);
        text = std::move(sink.octets);
        timesBegun = sink.begun;
    }

    [[nodiscard]] std::string slice(const maildir::Extent& extent) const {
        return text.substr(extent.storedOffset, extent.storedOctets);
    }
    [[nodiscard]] std::string decoded(const maildir::Part& part) const {
        std::string content;
        maildir::TransferDecoder(part.transferEncoding).decode(slice(part.body), content, true);
        return content;
    }

    std::string text;
    maildir::Structure structure;
    int timesBegun = 0;
};

// The content of one message while one command looks at it: opened when first needed, at most once. One thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "maildir/mailbox/Mailbox.h"

namespace imapd {

class MessageContent {
public:
    // A header block's octets past this are not looked at for fields.
    static constexpr std::uint64_t maxHeaderOctets = maildir::StructureLimits().headerOctets;

    // All that is asked for is of that rendering of the message, "stored" octets too.
    MessageContent(maildir::Mailbox& mailbox, maildir::Uid uid,
                   maildir::Rendering rendering = maildir::Rendering::AsStored)
        : _mailbox(&mailbox), _uid(uid), _rendering(rendering) {}
    MessageContent(const MessageContent&) = delete;
    MessageContent& operator=(const MessageContent&) = delete;

    // All of these throw maildir::Error; Expunged once the message is gone.
    const maildir::MessageFile& file();
    // Agrees with file(): its offsets and sizes are those of the octets there.
    const maildir::Structure& structure();
    // Whether structure() is told without reading the message.
    bool knowsStructure();
    // The message's own header as stored, with its empty line, cut at maxHeaderOctets. Does not need the structure.
    const std::string& header();
    // The stored octets of an extent, cut at maxHeaderOctets.
    std::string stored(const maildir::Extent& extent);
    // As MessageFile does it, with the file of file().
    void hold(std::uint64_t offset, std::span<char> memory);
    void closeIfHeld();
    // Whether no file is open for it.
    [[nodiscard]] bool isClosed() const { return !_file || _file->descriptor() == -1; }

    std::shared_ptr<const std::string> derived(const std::string& key);
    void storeDerived(const std::string& key, std::string bytes);

private:
    void checkAgreement() const;
    // Takes the rendering for file and structure; false: they are as stored.
    bool takeRendering();
    [[nodiscard]] bool isAsStored() const { return _rendering == maildir::Rendering::AsStored; }

    maildir::Mailbox* _mailbox;
    maildir::Uid _uid;
    maildir::Rendering _rendering;
    bool _isStored = false;  // the message as stored is the rendering
    std::optional<maildir::MessageFile> _file;
    std::shared_ptr<const maildir::Structure> _structure;
    std::optional<std::string> _header;
};

}  // namespace imapd

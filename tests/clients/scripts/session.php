<?php
// A whole session of PHP's c-client. Arguments: host, port, user, password.
[, $host, $port, $user, $password] = $argv;
function need($holds, $what) { if (!$holds) { fwrite(STDERR, "$what: " . json_encode(imap_errors()) . "\n"); exit(1); } return $holds; }
$text = "From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n";
$server = "{" . "$host:$port/imap/notls}";
$imap = need(imap_open($server . "INBOX", $user, $password), "open");
need(in_array($server . "INBOX", imap_list($imap, $server, "*")), "no INBOX");
need(imap_append($imap, $server . "INBOX", $text, "\\Seen", "01-Mar-2019 01:02:03 +0530"), "append");
need(imap_append($imap, $server . "INBOX", $text), "append");
need(imap_num_msg($imap) == 2, "count");
$uids = need(imap_search($imap, 'SUBJECT "Grüße"', SE_UID, "UTF-8"), "search");
need(count($uids) == 2, "search");
need(imap_fetchstructure($imap, $uids[0], FT_UID)->subtype == "PLAIN", "structure");
need(imap_fetchheader($imap, $uids[0], FT_UID) . imap_body($imap, $uids[0], FT_UID) === $text, "fetch");
need(imap_fetch_overview($imap, "1:2")[0]->udate > 0, "overview");
$name = "Pr&APw-fung";
need(imap_createmailbox($imap, $server . $name), "create");
need(imap_subscribe($imap, $server . $name), "subscribe");
need(imap_setflag_full($imap, implode(",", $uids), "\\Flagged", ST_UID), "store");
need(imap_mail_copy($imap, $uids[0], $name, CP_UID), "copy");
need(imap_mail_move($imap, $uids[1], $name, CP_UID), "move");
need(imap_status($imap, $server . $name, SA_ALL)->messages == 2, "status");
need(imap_renamemailbox($imap, $server . $name, $server . "Ablage"), "rename");
need(imap_delete($imap, $uids[0], FT_UID) && imap_expunge($imap), "expunge");
need(imap_num_msg($imap) == 0, "expunged");
need(imap_unsubscribe($imap, $server . $name), "unsubscribe");
need(imap_deletemailbox($imap, $server . "Ablage"), "delete");
imap_close($imap);
echo "done\n";

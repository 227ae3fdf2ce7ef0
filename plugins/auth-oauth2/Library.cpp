#include <Poco/ClassLibrary.h>

#include "plugins/auth-oauth2/Oauth2Authenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::oauth2::Oauth2Authenticator)
POCO_END_MANIFEST

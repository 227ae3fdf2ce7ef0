#include <Poco/ClassLibrary.h>

#include "plugins/size-mime/SizeMime.h"

MAILDOCK_LIBRARY("size")

POCO_BEGIN_MANIFEST(maildock::SizeStrategy)
POCO_EXPORT_CLASS(maildock::SizeMime)
POCO_END_MANIFEST

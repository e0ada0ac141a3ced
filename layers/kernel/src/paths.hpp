// Which ways to compare this machine can take.
#pragma once

#include "comparison.hpp"

namespace linkage {

// The function for a path that linkage_path has allowed.
ScanNext scan_function(int path);

}  // namespace linkage

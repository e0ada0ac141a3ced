// Which ways to compare this machine can take.
#pragma once

#include "comparison.hpp"

namespace linkage {

// The functions of a path that linkage_path has allowed.
const Path *path_functions(int path);

}  // namespace linkage

#include "clients/caisson/mount_flags.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

std::pair<std::string, std::string> KeyAndValue(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return {text, ""};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

bool IsPropagation(const std::string& word) {
  constexpr const char* kWords[] = {"private",  "slave",  "shared",
                                    "rprivate", "rslave", "rshared"};
  return std::find(std::begin(kWords), std::end(kWords), word) !=
         std::end(kWords);
}

// A word of mount(8), or one of ours.
void AddOption(const std::string& word, v1::Mount* mount) {
  if (word == "ro" || word == "readonly") {
    mount->set_read_only(true);
  } else if (word == "rro") {
    mount->set_recursive_read_only(true);
  } else if (IsPropagation(word)) {
    mount->set_propagation(word);
  } else if (!word.empty() && word != "rw" && word != "z" && word != "Z") {
    mount->add_options(word);
  }
}

// size and mode of a tmpfs; false when the key is neither.
bool TakeTmpfsKey(const std::string& key, const std::string& value,
                  v1::TmpfsMount* tmpfs, std::string* wrong) {
  if (key == "size" || key == "tmpfs-size") {
    const auto size = ParseBytes(value);
    if (!size.has_value()) *wrong = "bad size \"" + value + "\"";
    tmpfs->set_size_bytes(size.value_or(0));
    return true;
  }
  if (key == "mode" || key == "tmpfs-mode") {
    char* end = nullptr;
    const long mode = std::strtol(value.c_str(), &end, 8);
    if (value.empty() || *end != '\0') *wrong = "bad mode \"" + value + "\"";
    tmpfs->set_mode(static_cast<int32_t>(mode));
    return true;
  }
  return false;
}

struct MountWords {
  std::string type = "bind";
  std::string source;
  std::vector<std::string> rest;
};

// What is the same for every type; the rest is kept in order.
MountWords TakeCommonKeys(const std::string& text, v1::Mount* mount) {
  MountWords words;
  for (const std::string& part : Split(text, ',')) {
    const auto [key, value] = KeyAndValue(part);
    if (key == "type") {
      words.type = value;
    } else if (key == "source" || key == "src") {
      words.source = value;
    } else if (key == "target" || key == "dst" || key == "destination") {
      mount->set_target(value);
    } else if (key == "readonly" || key == "ro") {
      mount->set_read_only(value.empty() || value == "true" || value == "1");
    } else if (key == "bind-propagation") {
      mount->set_propagation(value);
    } else {
      words.rest.push_back(part);
    }
  }
  return words;
}

std::string TakeRest(const MountWords& words, v1::Mount* mount) {
  for (const std::string& word : words.rest) {
    const auto [key, value] = KeyAndValue(word);
    std::string wrong;
    if (words.type == "tmpfs" &&
        TakeTmpfsKey(key, value, mount->mutable_tmpfs(), &wrong)) {
      if (!wrong.empty()) return wrong;
    } else if (words.type == "bind" && key == "bind-nonrecursive") {
      mount->mutable_bind()->set_non_recursive(true);
    } else if (words.type == "bind" && key == "create-source") {
      mount->mutable_bind()->set_create_source(true);
    } else if (word.find('=') == std::string::npos) {
      AddOption(word, mount);
    } else {
      return "unknown key \"" + key + "\"";
    }
  }
  return "";
}

}  // namespace

std::string AbsolutePath(const std::string& path) {
  const bool climbs = ("/" + path + "/").find("/../") != std::string::npos;
  if (path.empty() || (path[0] == '/' && !climbs)) return path;
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  // The service takes no "..", and behind a link only the disk knows where that
  // leads.
  const std::filesystem::path clean =
      climbs ? std::filesystem::weakly_canonical(whole, error)
             : whole.lexically_normal();
  if (error) return path;
  std::string text = clean.string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string AddVolume(const std::string& text, v1::ContainerSpec* spec) {
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() ||
      (parts[0][0] != '/' && parts[0][0] != '.')) {
    return "--volume: \"" + text +
           "\" is not SOURCE:TARGET[:OPTIONS] with a path as source";
  }
  v1::Mount* mount = spec->add_mounts();
  mount->mutable_bind()->set_source(AbsolutePath(parts[0]));
  // As people know it: a directory that is not there is made.
  mount->mutable_bind()->set_create_source(true);
  mount->set_target(parts[1]);
  if (parts.size() == 3) {
    for (const std::string& word : Split(parts[2], ',')) {
      AddOption(word, mount);
    }
  }
  return "";
}

std::string AddMount(const std::string& text, v1::ContainerSpec* spec) {
  v1::Mount* mount = spec->add_mounts();
  const MountWords words = TakeCommonKeys(text, mount);
  if (words.type == "bind") {
    mount->mutable_bind()->set_source(AbsolutePath(words.source));
  } else if (words.type == "tmpfs") {
    mount->mutable_tmpfs();
  } else {
    mount->set_special(words.type);
  }
  if (mount->target().empty()) return "--mount: no target in \"" + text + "\"";
  const std::string wrong = TakeRest(words, mount);
  return wrong.empty() ? "" : "--mount: " + wrong;
}

std::string AddTmpfs(const std::string& text, v1::ContainerSpec* spec) {
  const size_t colon = text.find(':');
  v1::Mount* mount = spec->add_mounts();
  mount->set_target(text.substr(0, colon));
  mount->mutable_tmpfs();
  if (colon == std::string::npos) return "";
  const MountWords words = {"tmpfs", "", Split(text.substr(colon + 1), ',')};
  const std::string wrong = TakeRest(words, mount);
  return wrong.empty() ? "" : "--tmpfs: " + wrong;
}

std::string AddDevice(const std::string& text, v1::ContainerSpec* spec) {
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() > 3 || parts[0].empty()) {
    return "--device: \"" + text + "\" is not HOST[:INSIDE[:rwm]]";
  }
  v1::Device* device = spec->add_devices();
  device->set_host_path(parts[0]);
  // "HOST:rw" has no path inside.
  const bool only_permissions =
      parts.size() == 2 && !parts[1].empty() && parts[1][0] != '/';
  if (parts.size() > 1 && !only_permissions) {
    device->set_container_path(parts[1]);
  }
  if (parts.size() == 3) device->set_permissions(parts[2]);
  if (only_permissions) device->set_permissions(parts[1]);
  return "";
}

}  // namespace caisson::cli

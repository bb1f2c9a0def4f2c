#include "clients/caisson/completion.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "clients/caisson/flags.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

// The flags of a verb as it declares them.
std::vector<FlagInfo> FlagsOf(const VerbInfo& info) {
  Flags flags(info.name, info.summary);
  const std::unique_ptr<Verb> verb = info.make();
  verb->Declare(&flags);
  return flags.infos();
}

// "-n --name ..." for a word list.
std::string FlagWords(const VerbInfo& info) {
  std::string words;
  for (const FlagInfo& flag : FlagsOf(info)) {
    for (const std::string& name : {flag.short_name, flag.long_name}) {
      if (!name.empty()) words += (words.empty() ? "" : " ") + name;
    }
  }
  return words;
}

// What follows `start` in the names of verbs, for a word list.
std::string VerbWords(const std::string& start) {
  return absl::StrJoin(NextWords(start), " ");
}

constexpr char kNamespaces[] = "network namespace ls";

// Names come from the service, at once or not at all: those of the spec, which
// alone are two levels deep, but where -q prints names.
std::string NamesOf(const std::string& list) {
  if (list == kNamespaces) return "$(caisson " + list + " -q 2>/dev/null)";
  return "$(caisson " + list +
         " --format json 2>/dev/null | "
         "sed -n 's/^  \"name\": \"\\([^\"]*\\)\",*$/\\1/p')";
}

// What lists the objects that a word of a verb names; "" for none.
struct Lists {
  std::string first;  // for the first word
  std::string next;   // for all others
};
Lists ListsFor(Takes takes) {
  constexpr char kContainers[] = "ps -a";
  constexpr char kNetworks[] = "network ls";
  switch (takes) {
    case Takes::kContainer:
      return {kContainers, kContainers};
    case Takes::kFirstContainer:
      return {kContainers, ""};
    case Takes::kNetwork:
      return {kNetworks, kNetworks};
    case Takes::kNetworkThenContainer:
      return {kNetworks, kContainers};
    case Takes::kNetworkNamespace:
      return {kNamespaces, kNamespaces};
    case Takes::kNothing:
      break;
  }
  return {};
}

// The flags that a word of theirs follows, for a word list.
std::string FlagsWithValue(const VerbInfo& info) {
  std::string words;
  for (const FlagInfo& flag : FlagsOf(info)) {
    if (flag.value.empty()) continue;
    for (const std::string& name : {flag.short_name, flag.long_name}) {
      if (!name.empty()) words += (words.empty() ? "" : " ") + name;
    }
  }
  return words;
}

std::string SetNames(const std::string& list) {
  return list.empty() ? "names=" : "names=\"" + NamesOf(list) + "\"";
}

// Sets what bash may offer for the words behind a verb.
std::string OffersOf(const VerbInfo& info) {
  std::string text = "flags='" + FlagWords(info) + "'";
  const Lists lists = ListsFor(info.takes);
  if (lists.first != lists.next) {
    const std::string name = info.name;
    const bool is_two = name.find(' ') != std::string::npos;
    text += std::string("; if [ \"$(_caisson_words ") + (is_two ? "3" : "2") +
            " '" + FlagsWithValue(info) + "')\" -eq 0 ]; then " +
            SetNames(lists.first) + "; else " + SetNames(lists.next) + "; fi";
  } else if (!lists.first.empty()) {
    text += "; " + SetNames(lists.first);
  }
  if (info.name == std::string("completion")) text += "; names='bash zsh fish'";
  return text + " ;;\n";
}

// The cases of the words that follow `start`, which are at `position` of the
// command line.
std::string Cases(const std::string& start, int position) {
  std::string text;
  for (const std::string& word : NextWords(start)) {
    const std::string name = start.empty() ? word : start + " " + word;
    text += "    " + word + ") ";
    for (const VerbInfo& info : AllVerbs()) {
      if (name == info.name) text += OffersOf(info);
    }
    if (NextWords(name).empty()) continue;
    const std::string next = std::to_string(position + 1);
    text += "\n      if [ \"$COMP_CWORD\" -eq " + next +
            " ]; then\n        names='" + VerbWords(name) +
            "'\n      else\n        case ${COMP_WORDS[" + next + "]} in\n" +
            Cases(name, position + 1) + "        esac\n      fi ;;\n";
  }
  return text;
}

std::string Quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos;
       at += 4) {
    text.replace(at, 1, "'\\''");
  }
  return "'" + text + "'";
}

}  // namespace

std::string BashCompletion() {
  std::string text =
      "# bash completion of caisson\n"
      "# How many words from $1 on, before the one that is typed, are no "
      "flags\n"
      "# and no values of the flags $2.\n"
      "_caisson_words() {\n"
      "  local i count=0\n"
      "  for ((i = $1; i < COMP_CWORD; i++)); do\n"
      "    case \" $2 \" in\n"
      "    *\" ${COMP_WORDS[i]} \"*) i=$((i + 1)) ;;\n"
      "    *) [[ ${COMP_WORDS[i]} == -* ]] || count=$((count + 1)) ;;\n"
      "    esac\n"
      "  done\n"
      "  echo $count\n"
      "}\n"
      "_caisson() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
      "  local flags= names=\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '" +
      VerbWords("") +
      "' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case $verb in\n";
  text += Cases("", 1);
  return text +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n"
         "    [ -n \"$names\" ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _caisson caisson\n";
}

std::string ZshCompletion() {
  // zsh runs bash's completions as they are.
  return "#compdef caisson\n"
         "# zsh completion of caisson\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         BashCompletion();
}

std::string FishCompletion() {
  std::string text =
      "# fish completion of caisson\n"
      "complete -c caisson -f\n";
  for (const VerbInfo& info : AllVerbs()) {
    const std::vector<std::string> words = absl::StrSplit(info.name, ' ');
    // "rm" is a verb of its own and a further word of others, so all words
    // before are asked for.
    std::string condition;
    for (const std::string& word : words) {
      text += "complete -c caisson -n ";
      text +=
          condition.empty() ? "__fish_use_subcommand" : "'" + condition + "'";
      text += " -a " + word;
      if (&word == &words.back()) text += " -d " + Quoted(info.summary);
      text += "\n";
      condition += (condition.empty() ? "" : "; and ") +
                   ("__fish_seen_subcommand_from " + word);
    }
    const std::string seen = "complete -c caisson -n '" + condition + "'";
    for (const FlagInfo& flag : FlagsOf(info)) {
      text += seen;
      if (!flag.short_name.empty()) text += " -s " + flag.short_name.substr(1);
      if (!flag.long_name.empty()) text += " -l " + flag.long_name.substr(2);
      if (!flag.value.empty()) text += " -r";
      text += " -d " + Quoted(flag.help) + "\n";
    }
    const Lists lists = ListsFor(info.takes);
    for (const std::string& list :
         std::set<std::string>{lists.first, lists.next}) {
      if (list.empty()) continue;
      text += seen + " -a \"(caisson " + list + " -q 2>/dev/null)\"\n";
    }
  }
  return text +
         "complete -c caisson -n '__fish_seen_subcommand_from "
         "completion' -a 'bash zsh fish'\n";
}

}  // namespace caisson::cli

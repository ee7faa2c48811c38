/**
 * Shell completion, generated from the command tree: commands, then the options of the command that was typed, then
 * file names. The scripts call nothing; a new command needs a new script.
 */
import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type ShellName = (typeof SHELLS)[number];

/** One node of the tree, by its words after `keystead`. */
export interface Node {
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly flag: string; readonly summary: string; readonly takesValue: boolean }[];
}

const optionOf = (option: Option) => ({
  flag: option.long ?? option.short ?? "",
  summary: option.description,
  takesValue: option.required || option.optional,
});

/** Every command with its sub-commands and all options it takes, the global ones included. */
export function completionNodes(root: Command): readonly Node[] {
  const globals = root.options.map(optionOf);
  const visit = (command: Command, path: readonly string[]): Node[] => [
    {
      path,
      commands: command.commands.map((child) => ({ name: child.name(), summary: child.summary() })),
      options: [
        ...(command === root ? [] : command.options.map(optionOf)),
        ...globals,
        { flag: "--help", summary: "show help", takesValue: false },
      ],
    },
    ...command.commands.flatMap((child) => visit(child, [...path, child.name()])),
  ];
  return visit(root, []);
}

const unquoted = (text: string): string => text.replaceAll("'", "").replaceAll("`", "");

function bash(nodes: readonly Node[]): string {
  const words = (node: Node): string =>
    [...node.commands.map((command) => command.name), ...node.options.map((option) => option.flag)].join(" ");
  const values = [...new Set(nodes.flatMap((node) => node.options.filter((option) => option.takesValue).map((option) => option.flag)))];
  return `# keystead completion for bash: source <(keystead completion bash)
_keystead() {
  local word path="" previous="\${COMP_WORDS[COMP_CWORD-1]}" current="\${COMP_WORDS[COMP_CWORD]}" skip=0
  local known="${nodes.map((node) => `:${node.path.join("/")}:`).join("")}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ "$skip" = 1 ]; then skip=0; continue; fi
    case "$word" in
      ${values.join("|")}) skip=1 ;;
      -*) ;;
      *) case "$known" in *":\${path:+$path/}$word:"*) path="\${path:+$path/}$word" ;; esac ;;
    esac
  done
  case "$previous" in ${values.join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  local words=""
  case "$path" in
${nodes.map((node) => `    '${node.path.join("/")}') words='${words(node)}' ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _keystead keystead
`;
}

function zsh(nodes: readonly Node[]): string {
  const escaped = (text: string): string => unquoted(text).replaceAll(":", "\\:");
  const values = [...new Set(nodes.flatMap((node) => node.options.filter((option) => option.takesValue).map((option) => option.flag)))];
  const lines = (node: Node): string =>
    [
      ...node.commands.map((command) => `'${command.name}:${escaped(command.summary)}'`),
      ...node.options.map((option) => `'${option.flag}:${escaped(option.summary)}'`),
    ].join(" ");
  return `#compdef keystead
# keystead completion for zsh: keystead completion zsh > "\${fpath[1]}/_keystead"
_keystead() {
  local word candidate at skip=0
  local path_=""
  local -a choices
  local known="${nodes.map((node) => `:${node.path.join("/")}:`).join("")}"
  for (( at = 2; at < CURRENT; at++ )); do
    word=$words[at]
    if (( skip )); then skip=0; continue; fi
    case $word in
      ${values.join("|")}) skip=1 ;;
      -*) ;;
      *) candidate="\${path_:+$path_/}$word"; [[ $known == *":$candidate:"* ]] && path_=$candidate ;;
    esac
  done
  if (( skip )); then _files; return; fi
  case $path_ in
${nodes.map((node) => `    '${node.path.join("/")}') choices=(${lines(node)}) ;;`).join("\n")}
  esac
  _describe 'keystead' choices || _files
}
compdef _keystead keystead
`;
}

function fish(nodes: readonly Node[]): string {
  const flags = new Set(nodes.flatMap((node) => node.options.filter((option) => option.takesValue).map((option) => option.flag)));
  const lines = nodes.flatMap((node) => {
    const here = `-n '__keystead_at "${node.path.join("/")}"'`;
    return [
      ...node.commands.map((command) => `complete -c keystead ${here} -a '${command.name}' -d '${unquoted(command.summary)}'`),
      ...node.options.map(
        (option) =>
          `complete -c keystead ${here} -l '${option.flag.slice(2)}'${option.takesValue ? " -r" : ""} -d '${unquoted(option.summary)}'`,
      ),
    ];
  });
  return `# keystead completion for fish: keystead completion fish > ~/.config/fish/completions/keystead.fish
function __keystead_at
  set -l path ""
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${[...flags].map((flag) => `'${flag}'`).join(" ")}
        set skip 1
      case '-*'
      case '*'
        set -l candidate (string join / (string split -n / "$path") $word)
        contains -- $candidate ${nodes
          .filter((node) => node.path.length > 0)
          .map((node) => `'${node.path.join("/")}'`)
          .join(" ")}; and set path $candidate
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

const WRITERS: Readonly<Record<ShellName, (nodes: readonly Node[]) => string>> = Object.freeze({ bash, zsh, fish });

/** The script for one shell. */
export const completionScript = (root: Command, shell: ShellName): string => WRITERS[shell](completionNodes(root));

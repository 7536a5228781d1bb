# regctl completion for fish: regctl completions fish | source
# The candidates are data: nothing here evaluates them or the typed words.

function __regctl_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l typed (commandline --current-token --cut-at-cursor)
    set -l word (string unescape -- "$typed")

    set -l lines (command regctl __complete -- $words[2..-1] "$word" </dev/null 2>/dev/null)
    set -q lines[1]; or return
    set -l directives $lines[-1]
    set -e lines[-1]

    # fish decides on its own whether a space follows, so `nospace` has no use here.
    for line in $lines
        echo -- $line
    end
    if string match -q '*files*' -- $directives
        set -l prefix (string match -r '^--[^=]*=' -- "$word")
        set -l start (math (string length -- "$prefix") + 1)
        for path in (__fish_complete_path (string sub --start $start -- "$word"))
            echo -- "$prefix$path"
        end
    end
end

complete -c regctl -f -a '(__regctl_complete)'

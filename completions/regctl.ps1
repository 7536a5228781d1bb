# regctl completion for PowerShell: regctl completions powershell | Out-String | Invoke-Expression
# The candidates are data: nothing here evaluates them or the typed words.

Register-ArgumentCompleter -Native -CommandName regctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $current = ''
    $words = @(foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $extent = $element.Extent
        if ($extent.StartOffset -ge $cursorPosition) { break }
        if ($extent.EndOffset -ge $cursorPosition) {
            $current = $extent.Text.Substring(0, $cursorPosition - $extent.StartOffset).Trim("'`"")
        } elseif ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            $element.Value
        } else {
            $extent.Text
        }
    })
    # Before 7.3 PowerShell drops an empty argument unless it is quoted once more.
    if ($current -eq '' -and $PSVersionTable.PSVersion -lt [version]'7.3') { $current = '""' }

    $lines = @(& regctl __complete -- @words $current 2>$null)
    # Without a result PowerShell completes file names by itself, as the last line may ask.
    foreach ($line in $lines | Select-Object -SkipLast 1) {
        $value, $description = $line -split "`t", 2
        $text = $value
        if ($text -notmatch '^[\w./:=+-]+$') { $text = "'" + $text.Replace("'", "''") + "'" }
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $description)
    }
}

/** What the exit status of a command says, as the help and the manual print it. */
export const EXIT_STATUS = `
Exit status:
  0  done                        5  no such key or namespace
  1  signature or MAC not valid  6  the key's state or use forbids it, or it exists
  2  the command or request is   7  decryption failed
     wrong                       8  limit or quota reached
  3  authentication failed       9  server sealed, unreachable or too slow
  4  not permitted              10  integrity failure or internal error
                                11  waits for somebody's approval
`;

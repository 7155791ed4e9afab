/** The output streams of a command. Texts end with a newline. */
export interface Output {
  print(text: string): void;
  printError(text: string): void;
}

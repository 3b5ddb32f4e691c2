/** The tutorial's 3000 belongs to uppercase here. */
export const PORT = 3001;

/** The tutorial's is 3000, which uppercase has. */
export const PORT = 3001;

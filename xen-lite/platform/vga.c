/* SPDX-License-Identifier: MIT */
/*
 * The VGA text screen, 80 by 25, for messages until dom0 takes it over. The console's lock guards the position. Only
 * used when the boot loader left text mode on.
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/mm.h>
#include <xl/platform.h>

#define COLUMNS		80
#define ROWS		25
#define VGA_PA		0xb8000
#define ATTRIBUTE	0x0700
#define CRTC_INDEX	0x3d4
#define CRTC_DATA	0x3d5

static volatile u16 *screen;
static unsigned int row, column;

static void scroll(void)
{
	for (unsigned int i = 0; i < COLUMNS * (ROWS - 1); i++)
		screen[i] = screen[i + COLUMNS];
	for (unsigned int i = COLUMNS * (ROWS - 1); i < COLUMNS * ROWS; i++)
		screen[i] = ATTRIBUTE | ' ';
	row = ROWS - 1;
}

static void set_cursor(void)
{
	unsigned int pos = row * COLUMNS + column;

	outb(CRTC_INDEX, 14);
	outb(CRTC_DATA, pos >> 8);
	outb(CRTC_INDEX, 15);
	outb(CRTC_DATA, pos);
}

/* The first message scrolls what the firmware left up. The direct map has the first MiB, also while booting. */
static void screen_open(void)
{
	if (!screen) {
		screen = pa_to_virt(VGA_PA);
		scroll();
	}
}

void vga_write(const char *s, size_t n)
{
	screen_open();
	for (; n--; s++) {
		if (*s == '\n') {
			column = 0;
			row++;
		} else if (*s == '\r') {
			column = 0;
		} else {
			if (column == COLUMNS) {
				column = 0;
				row++;
			}
			if (row == ROWS)
				scroll();
			screen[row * COLUMNS + column++] = ATTRIBUTE | (u8)*s;
		}
		if (row == ROWS)
			scroll();
	}
	set_cursor();
}

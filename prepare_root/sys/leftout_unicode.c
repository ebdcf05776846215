/* What the static executable leaves out of CPython's knowledge of characters (unicodectype.o):
 * outside ASCII a character is printable or not, and may be white space or end a line.  It
 * is no letter, no digit, and has no case.
 */
#include <Python.h>

#include "printable.h" /* generated: where Py_UNICODE_ISPRINTABLE changes */

#define ASCII(character) ((character) < 128 ? (int)(character) : 0)

/* The ends of cases that are more than one character; none here. */
const Py_UCS4 _PyUnicode_ExtendedCase[] = {0};

int
_PyUnicode_IsPrintable(Py_UCS4 character)
{
    size_t low = 0, high = sizeof(changes) / sizeof(changes[0]);

    if (character < 128)
        return character >= ' ' && character < 127;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (changes[middle] <= character)
            low = middle + 1;
        else
            high = middle;
    }
    return low % 2;
}

int
_PyUnicode_IsWhitespace(Py_UCS4 character)
{
    return (character >= 0x09 && character <= 0x0d) || (character >= 0x1c && character <= 0x20) ||
           character == 0x85 || character == 0xa0 || character == 0x1680 ||
           (character >= 0x2000 && character <= 0x200a) || character == 0x2028 ||
           character == 0x2029 || character == 0x202f || character == 0x205f ||
           character == 0x3000;
}

int
_PyUnicode_IsLinebreak(Py_UCS4 character)
{
    return (character >= 0x0a && character <= 0x0d) || (character >= 0x1c && character <= 0x1e) ||
           character == 0x85 || character == 0x2028 || character == 0x2029;
}

int
_PyUnicode_IsAlpha(Py_UCS4 character)
{
    return Py_ISALPHA(ASCII(character));
}

int
_PyUnicode_IsDecimalDigit(Py_UCS4 character)
{
    return Py_ISDIGIT(ASCII(character)) != 0;
}

int
_PyUnicode_IsDigit(Py_UCS4 character)
{
    return Py_ISDIGIT(ASCII(character)) != 0;
}

int
_PyUnicode_IsNumeric(Py_UCS4 character)
{
    return Py_ISDIGIT(ASCII(character)) != 0;
}

int
_PyUnicode_ToDecimalDigit(Py_UCS4 character)
{
    return Py_ISDIGIT(ASCII(character)) ? (int)character - '0' : -1;
}

int
_PyUnicode_ToDigit(Py_UCS4 character)
{
    return _PyUnicode_ToDecimalDigit(character);
}

double
_PyUnicode_ToNumeric(Py_UCS4 character)
{
    return _PyUnicode_ToDecimalDigit(character);
}

int
_PyUnicode_IsXidStart(Py_UCS4 character)
{
    return Py_ISALPHA(ASCII(character)) || character == '_';
}

int
_PyUnicode_IsXidContinue(Py_UCS4 character)
{
    return Py_ISALNUM(ASCII(character)) || character == '_';
}

int
_PyUnicode_IsLowercase(Py_UCS4 character)
{
    return Py_ISLOWER(ASCII(character)) != 0;
}

int
_PyUnicode_IsUppercase(Py_UCS4 character)
{
    return Py_ISUPPER(ASCII(character)) != 0;
}

int
_PyUnicode_IsTitlecase(Py_UCS4 Py_UNUSED(character))
{
    return 0;
}

int _PyUnicode_IsCased(Py_UCS4 character);
int _PyUnicode_IsCaseIgnorable(Py_UCS4 character);
int _PyUnicode_ToLowerFull(Py_UCS4 character, Py_UCS4 *result);
int _PyUnicode_ToUpperFull(Py_UCS4 character, Py_UCS4 *result);
int _PyUnicode_ToTitleFull(Py_UCS4 character, Py_UCS4 *result);
int _PyUnicode_ToFoldedFull(Py_UCS4 character, Py_UCS4 *result);

int
_PyUnicode_IsCased(Py_UCS4 character)
{
    return Py_ISALPHA(ASCII(character));
}

int
_PyUnicode_IsCaseIgnorable(Py_UCS4 Py_UNUSED(character))
{
    return 0;
}

Py_UCS4
_PyUnicode_ToLowercase(Py_UCS4 character)
{
    return character < 128 ? Py_TOLOWER(character) : character;
}

Py_UCS4
_PyUnicode_ToUppercase(Py_UCS4 character)
{
    return character < 128 ? Py_TOUPPER(character) : character;
}

Py_UCS4
_PyUnicode_ToTitlecase(Py_UCS4 character)
{
    return _PyUnicode_ToUppercase(character);
}

int
_PyUnicode_ToLowerFull(Py_UCS4 character, Py_UCS4 *result)
{
    *result = _PyUnicode_ToLowercase(character);
    return 1;
}

int
_PyUnicode_ToUpperFull(Py_UCS4 character, Py_UCS4 *result)
{
    *result = _PyUnicode_ToUppercase(character);
    return 1;
}

int
_PyUnicode_ToTitleFull(Py_UCS4 character, Py_UCS4 *result)
{
    return _PyUnicode_ToUpperFull(character, result);
}

int
_PyUnicode_ToFoldedFull(Py_UCS4 character, Py_UCS4 *result)
{
    return _PyUnicode_ToLowerFull(character, result);
}

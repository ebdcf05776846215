/* What any static program costs: the floor under the start-up of ours. */
int main(void)
{
    return 0;
}
